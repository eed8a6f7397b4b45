//! A user's program on the AWS SDK for Rust: nothing in it is there for vendord.
//!
//! program whoami | list | put PREFIX COUNT

use aws_sdk_s3::error::DisplayErrorContext;
use aws_sdk_s3::primitives::ByteStream;

const BUCKET: &str = "company1-hr";

#[tokio::main]
async fn main() {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    if let Err(error) = run(&words).await {
        // An SDK's error says what it is in its causes alone.
        eprintln!("{}", DisplayErrorContext(error.as_ref()));
        std::process::exit(1);
    }
}

async fn run(words: &[&str]) -> Result<(), Box<dyn std::error::Error>> {
    let config = aws_config::defaults(aws_config::BehaviorVersion::latest()).load().await;
    // The bucket's name is in the path where it cannot be in the host's: a setting that only code has.
    let path_style = aws_sdk_s3::config::Builder::from(&config).force_path_style(true).build();
    let s3 = aws_sdk_s3::Client::from_conf(path_style);
    match words {
        ["whoami"] => {
            let me = aws_sdk_sts::Client::new(&config).get_caller_identity().send().await?;
            println!("{}", me.arn().unwrap_or_default());
        }
        ["list"] => {
            for object in s3.list_objects_v2().bucket(BUCKET).send().await?.contents() {
                println!("{}", object.key().unwrap_or_default());
            }
        }
        ["put", prefix, count] => {
            for i in 0..count.parse::<usize>()? {
                let body = ByteStream::from_static(b"x");
                s3.put_object().bucket(BUCKET).key(format!("{prefix}/{i}")).body(body).send().await?;
            }
        }
        _ => return Err(format!("{words:?}: unknown").into()),
    }
    Ok(())
}
