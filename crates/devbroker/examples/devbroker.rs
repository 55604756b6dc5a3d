//! Runs the development broker alone: `devbroker [PORT [DIR]]`, until Enter is pressed or standard input ends.

use milena_devbroker::{BANNER, DevBroker, DevBrokerConfig};
use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use tokio::io::{AsyncBufReadExt, BufReader};

#[tokio::main]
async fn main() -> std::process::ExitCode {
    match run().await {
        Ok(()) => std::process::ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            std::process::ExitCode::FAILURE
        }
    }
}

async fn run() -> Result<(), Box<dyn std::error::Error>> {
    let mut args = std::env::args().skip(1);
    let port = args.next().map_or(Ok(9092), |port| port.parse())?;
    let config = DevBrokerConfig {
        listen: SocketAddr::from((Ipv4Addr::LOCALHOST, port)),
        dir: args.next().map(PathBuf::from),
        ..DevBrokerConfig::default()
    };
    let broker = DevBroker::start(config).await?;
    println!("{BANNER}\nbootstrap.servers={}", broker.bootstrap());
    let mut line = String::new();
    BufReader::new(tokio::io::stdin()).read_line(&mut line).await?;
    broker.stop().await;
    Ok(())
}
