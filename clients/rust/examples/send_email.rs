//! An agent's tool behind the gate. Start a server with `signoff serve --dev`, become its agent by
//! its `agent.env`, and approve or reject as its reviewer.

use std::error::Error;

use serde::{Deserialize, Serialize};
use signoff_client::{Call, Client, GateError};

#[derive(Serialize, Deserialize)]
struct Mail {
    to: String,
    subject: String,
}

async fn send(mail: Mail) -> Result<String, std::io::Error> {
    Ok(format!("sent {:?} to {}", mail.subject, mail.to))
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let client = Client::from_env()?;
    let call = Call::new("send_email").agent_name("mail-bot").on_progress(|progress| eprintln!("{}", progress.message));
    let send_email = client.requires_approval(call, send);

    let mail = Mail { to: "alice@company.com".to_owned(), subject: "Welcome".to_owned() };
    match send_email.call(mail).await {
        Ok(result) => println!("{result}"),
        // The text is for the model, in place of the tool's result.
        Err(GateError::Refused(refusal)) => println!("{refusal}"),
        Err(GateError::Failed(error)) => return Err(error.into()),
    }
    Ok(())
}
