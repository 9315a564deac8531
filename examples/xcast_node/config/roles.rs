//! What each role needs of what was said.

use xcast_sec::stack::{Origin, Session, SessionConfig};
use xcast_sec::wire::BitmapPlace;

use super::directives::Said;
use super::{Config, ConfigError, ReceiverConfig, Role, RouterConfig, SenderConfig, SenderProtection};

impl Said<'_> {
    pub(super) fn sender(self, at_role: impl Fn(String) -> ConfigError) -> Result<Config, ConfigError> {
        let missing = |name: &str| at_role(format!("a sender needs {name}"));
        let source = self.source.ok_or_else(|| missing("source"))?;
        let router = self.next_router.ok_or_else(|| missing("router"))?;
        if router.is_ipv4() != source.is_ipv4() {
            return Err(at_role("source and router are of two families".into()));
        }
        let mut config = SessionConfig::new(Origin::without_channel(source));
        config.hop_limit = self.hop_limit;
        config.anonymous = self.has("anonymous");
        config.no_x2u = self.has("no-x2u");
        if self.has("bitmap-option") {
            config.bitmap = BitmapPlace::Option;
        }
        let mut session = Box::new(Session::new(config).map_err(|error| at_role(error.to_string()))?);
        if self.members.is_empty() {
            return Err(missing("a member"));
        }
        for &(line, column, member) in &self.members {
            session.add(member).map_err(|error| ConfigError { line, column, what: error.to_string() })?;
        }
        let protection = match (self.protect, &self.keys, &self.state) {
            (None, None, None) => None,
            (None, ..) => return Err(at_role("keys and state are of no use without protect".into())),
            (Some(required), Some(keys), Some(state)) => {
                Some(SenderProtection { required, keys: keys.clone(), state: state.clone() })
            }
            (Some(_), None, _) => return Err(missing("keys, to protect")),
            (Some(_), _, None) => return Err(missing("state, to protect: numbers must not be used twice")),
        };
        let role = Role::Sender(SenderConfig {
            listen: self.listen.ok_or_else(|| missing("listen"))?,
            ports: self.ports.ok_or_else(|| missing("ports"))?,
            interface: self.interfaces.into_iter().next().ok_or_else(|| missing("an interface"))?,
            router,
            mtu: self.mtu,
            session,
            protection,
        });
        Ok(Config { code_points: self.code_points, role })
    }

    pub(super) fn receiver(self, at_role: impl Fn(String) -> ConfigError) -> Result<Config, ConfigError> {
        let missing = |name: &str| at_role(format!("a receiver needs {name}"));
        if self.requirements.is_empty() {
            return Err(missing("require, or it would refuse everything"));
        }
        if self.keys.is_none() && self.requirements.iter().any(|requirement| requirement.required.is_some()) {
            return Err(missing("keys, to open what it requires to be protected"));
        }
        let role = Role::Receiver(ReceiverConfig {
            interfaces: self.interfaces("receiver", &at_role)?,
            tun: self.tun.clone().ok_or_else(|| missing("tun"))?,
            requirements: self.requirements,
            keys: self.keys,
            window: self.window,
        });
        Ok(Config { code_points: self.code_points, role })
    }

    pub(super) fn router(self, at_role: impl Fn(String) -> ConfigError) -> Result<Config, ConfigError> {
        if self.ping.is_none() && self.neighbours.iter().any(|neighbour| neighbour.ask_from.is_some()) {
            return Err(at_role("a router needs ping, to ask neighbours".into()));
        }
        let role = Role::Router(RouterConfig {
            interfaces: self.interfaces("router", &at_role)?,
            neighbours: self.neighbours,
            ping: self.ping,
            tunnels: self.tunnels,
            policy: self.policy,
        });
        Ok(Config { code_points: self.code_points, role })
    }

    fn interfaces(&self, role: &str, at_role: &impl Fn(String) -> ConfigError) -> Result<Vec<String>, ConfigError> {
        if self.interfaces.is_empty() {
            return Err(at_role(format!("a {role} needs an interface")));
        }
        Ok(self.interfaces.clone())
    }
}
