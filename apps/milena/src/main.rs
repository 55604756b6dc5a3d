//! The one binary: parses the command line, wires the crates together, waits for a signal.

mod broker;
mod cli;
mod dev;
mod process;
mod signals;
mod standalone;
mod transform;
mod worker;

use std::process::ExitCode;

// glibc keeps freed fetch buffers per thread, which shows as resident memory; mimalloc gives them back.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    match cli::parse(std::env::args_os()) {
        Ok(cli::Command::Standalone { worker, connectors }) => standalone::main(&worker, &connectors),
        Ok(cli::Command::Dev(options)) => dev::main(options),
        Ok(cli::Command::Broker(options)) => broker::main(options),
        Ok(cli::Command::PluginsList) => standalone::list_plugins(),
        Ok(cli::Command::TransformTry(options)) => transform::main(&options),
        Err(exit) => exit,
    }
}
