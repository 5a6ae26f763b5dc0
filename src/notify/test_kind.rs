//! A kind of channel for tests: it accepts every message, and sends none.

use std::sync::Arc;

use async_trait::async_trait;

use super::{Build, Channel, Fields, Habits, Kind, Message, Resources, SecretSource, SendError, Sent};
use crate::domain::ChannelState;

pub(super) const KIND: Kind = Kind { name: "test", for_people: true, parse };

#[derive(Clone, Debug)]
struct TestSettings {
    url: String,
    _token: Option<SecretSource>,
    _users: Vec<(String, String)>,
}

fn parse(fields: &mut Fields) -> Option<Arc<dyn Build>> {
    let (url, token, users) = (fields.required_text("url"), fields.secret("token"), fields.text_table("users"));
    let _ = (fields.flag("quiet"), fields.count("retries", 0, 9));
    Some(Arc::new(TestSettings { url: url?, _token: token, _users: users }))
}

impl Build for TestSettings {
    fn build(&self, _: &Resources) -> Result<Arc<dyn Channel>, String> {
        Ok(Arc::new(self.clone()))
    }
}

#[async_trait]
impl Channel for TestSettings {
    fn habits(&self) -> Habits {
        Habits { for_people: true, replaces: false, concurrency: 1 }
    }

    async fn send(&self, _: &Message, _: Option<&ChannelState>) -> Result<Sent, SendError> {
        Ok(Sent { answer: format!("{} has it", self.url), ..Sent::default() })
    }
}
