//! Writes first inputs: `seeds CORPUS_FOLDER`.

use std::path::Path;

use milena_kafka::fuzzing;
use milena_kafka::records::{BatchBuilder, Compression, ProducerId, RecordParts, set_base_offset};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    // cargo-fuzz puts options of its own in front.
    let folder =
        std::env::args().next_back().filter(|folder| !folder.starts_with('-')).ok_or("usage: seeds CORPUS_FOLDER")?;
    let folder = Path::new(&folder);
    let inputs = milena_parsers::inputs();
    for (parser, _) in milena_parsers::TARGETS {
        write(&folder.join(parser), &inputs)?;
    }
    write(&folder.join("answers"), &fuzzing::answer_seeds())?;
    write(
        &folder.join("members"),
        &[
            b"\0\0\x01\0\0\0\x01\0\x01x\0\0\0\0\0\0\0\0".to_vec(),
            b"\x01\0\0\0\0\0\x01\0\x01x\0\0\0\x01\0\0\0\x02\0\0\0\0".to_vec(),
        ],
    )?;
    let credentials = [
        b"sr=nabc,s=QUJDRA==,i=4096\nv=QUJDRA==".to_vec(),
        b"p-----BEGIN CERTIFICATE-----\nQUJDRA==\n-----END CERTIFICATE-----".to_vec(),
        b"p\xfe\xed\xfe\xed\0\0\0\x02\0\0\0\x01\0\0\0\x02\0\x01a\0\0\0\0\0\0\0\0\0\x05X.509\0\0\0\x04ABCDAAAAAAAAAAAAAAAAAAAA".to_vec(),
    ];
    write(&folder.join("credentials"), &credentials)?;
    write(&folder.join("records"), &records()?)
}

fn write(folder: &Path, seeds: &[Vec<u8>]) -> Result<(), Box<dyn std::error::Error>> {
    std::fs::create_dir_all(folder)?;
    for (index, seed) in seeds.iter().enumerate() {
        std::fs::write(folder.join(format!("seed-{index:03}")), seed)?;
    }
    println!("{}: {} seeds", folder.display(), seeds.len());
    Ok(())
}

/// Batches in every codec, plain and of a transaction, alone and two in a row.
fn records() -> Result<Vec<Vec<u8>>, Box<dyn std::error::Error>> {
    let mut seeds = Vec::new();
    for codec in [Compression::None, Compression::Gzip, Compression::Snappy, Compression::Lz4, Compression::Zstd] {
        for producer in [None, Some(ProducerId { id: 1, epoch: 0, base_sequence: 0, transactional: true })] {
            let mut both = Vec::new();
            for base in [0, 3] {
                let mut builder = BatchBuilder::with_capacity(0);
                for value in [Some(&b"value"[..]), Some(b"value value value value value"), None] {
                    let headers = [("h", Some(&b"v"[..])), ("null", None)];
                    builder.append(&RecordParts { timestamp: 5, key: Some(b"k"), value, headers: &headers })?;
                }
                let mut batch = builder.build(codec, None, producer)?.to_vec();
                set_base_offset(&mut batch, base)?;
                both.extend_from_slice(&batch);
                seeds.push(fuzzing::fetched_seed(&both));
            }
        }
    }
    Ok(seeds)
}
