//! The directives, one by one.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv6Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::time::Duration;

use xcast_sec::forward::neighbour::PingConfig;
use xcast_sec::forward::{Prefix, RouterPolicy, SemiPermeable, Tunnel, TunnelUse};
use xcast_sec::ipsec::{Addresses, ModeKind, Required};
use xcast_sec::stack::Member;
use xcast_sec::wire::xcast6_v2::CodePointsV2;
use xcast_sec::wire::{CodePoints, Dscp};

use super::super::code_points;
use super::super::keys::{At, Word};
use super::line::{Line, prefix, value};
use super::{Config, ConfigError, NeighbourConfig, Requirement};

const WINDOW: u32 = 64;
const HOP_LIMIT: u8 = 64;

/// What roles a directive is for, and whether it may be repeated.
const DIRECTIVES: &[(&str, &[&str], bool)] = &[
    ("interface", &["receiver", "router"], true),
    ("interface", &["sender"], false),
    ("code-points", &["sender", "receiver", "router"], false),
    ("listen", &["sender"], false),
    ("source", &["sender"], false),
    ("router", &["sender"], false),
    ("ports", &["sender"], false),
    ("member", &["sender"], true),
    ("hop-limit", &["sender"], false),
    ("mtu", &["sender"], false),
    ("no-x2u", &["sender"], false),
    ("anonymous", &["sender"], false),
    ("bitmap-option", &["sender"], false),
    ("protect", &["sender"], false),
    ("state", &["sender"], false),
    ("keys", &["sender", "receiver"], false),
    ("tun", &["receiver"], false),
    ("require", &["receiver"], true),
    ("window", &["receiver"], false),
    ("neighbour", &["router"], true),
    ("ping", &["router"], false),
    ("tunnel", &["router"], true),
    ("tunnels", &["router"], false),
    ("semi-permeable", &["router"], false),
];

/// Reads a configuration; `beside` is the folder that the files it names are in.
pub(crate) fn parse(text: &str, beside: &Path) -> Result<Config, ConfigError> {
    let mut lines = Line::all(text);
    let no_role = |line, column| ConfigError { line, column, what: "the first directive is role".into() };
    let mut first = lines.next().ok_or_else(|| no_role(1, 1))?;
    if first.name.text != "role" {
        return Err(no_role(first.number, first.name.column));
    }
    let role = role(&mut first).map_err(|at| first.error(at))?;
    let mut said = Said::new(beside);
    for mut line in lines {
        said.line(role, &mut line).map_err(|at| line.error(at))?;
    }
    // What is missing is missing from the role.
    let at_role = |what: String| first.error((first.name.column, what));
    match role {
        "sender" => said.sender(at_role),
        "receiver" => said.receiver(at_role),
        _ => said.router(at_role),
    }
}

fn role(first: &mut Line<'_>) -> Result<&'static str, At> {
    let word = first.next("the role")?;
    let roles = ["sender", "receiver", "router"];
    let Some(&role) = roles.iter().find(|role| **role == word.text) else {
        return word.wrong("the role is sender, receiver or router");
    };
    first.end().map(|()| role)
}

/// All that was said, of whatever role.
pub(super) struct Said<'a> {
    beside: &'a Path,
    /// Directives and the lines that they stand on.
    lines: BTreeMap<String, usize>,
    pub(super) interfaces: Vec<String>,
    pub(super) code_points: CodePoints,
    pub(super) listen: Option<SocketAddr>,
    pub(super) source: Option<IpAddr>,
    pub(super) next_router: Option<IpAddr>,
    pub(super) ports: Option<(u16, u16)>,
    pub(super) members: Vec<(usize, usize, Member)>,
    pub(super) hop_limit: u8,
    pub(super) mtu: Option<usize>,
    pub(super) protect: Option<Required>,
    pub(super) keys: Option<PathBuf>,
    pub(super) state: Option<PathBuf>,
    pub(super) tun: Option<String>,
    pub(super) requirements: Vec<Requirement>,
    pub(super) window: u32,
    pub(super) neighbours: Vec<NeighbourConfig>,
    pub(super) ping: Option<PingConfig>,
    pub(super) tunnels: Vec<(Prefix, Tunnel)>,
    pub(super) policy: RouterPolicy,
}

impl<'a> Said<'a> {
    fn new(beside: &'a Path) -> Self {
        Self {
            beside,
            lines: BTreeMap::new(),
            interfaces: Vec::new(),
            // No code points were ever assigned to Xcast; `code-points` says which others are in use.
            code_points: CodePoints::rfc4727_experiment(),
            listen: None,
            source: None,
            next_router: None,
            ports: None,
            members: Vec::new(),
            hop_limit: HOP_LIMIT,
            mtu: None,
            protect: None,
            keys: None,
            state: None,
            tun: None,
            requirements: Vec::new(),
            window: WINDOW,
            neighbours: Vec::new(),
            ping: None,
            tunnels: Vec::new(),
            policy: RouterPolicy::default(),
        }
    }

    /// Whether a directive was there.
    pub(super) fn has(&self, name: &str) -> bool {
        self.lines.contains_key(name)
    }

    fn line(&mut self, role: &str, line: &mut Line<'_>) -> Result<(), At> {
        let word = line.name;
        let name = word.text;
        let mut known = DIRECTIVES.iter().filter(|(directive, ..)| *directive == name).peekable();
        if known.peek().is_none() {
            return word.wrong("no directive is called so");
        }
        let Some((.., repeatable)) = known.find(|(_, roles, _)| roles.contains(&role)) else {
            return word.wrong(format!("{name} is not for a {role}"));
        };
        if let Some(number) = self.lines.insert(name.into(), line.number)
            && !repeatable
        {
            return word.wrong(format!("{name} stands on line {number} already"));
        }
        match name {
            "interface" => self.interface(line)?,
            "code-points" => self.read_code_points(line)?,
            "listen" => self.listen = Some(line.value("ADDRESS:PORT")?),
            "source" => self.source = Some(line.address("an address")?),
            "router" => self.next_router = Some(line.address("an address")?),
            "ports" => self.ports = Some((port(line, "the source port")?, port(line, "the destination port")?)),
            "member" => self.member(line)?,
            "hop-limit" => self.hop_limit = hop_limit(line.next("the hop limit")?)?,
            "mtu" => self.mtu = Some(line.value("a number of octets")?),
            "protect" => self.protect = Some(protection(line.next("the protection")?)?),
            "keys" => self.keys = Some(self.file(line)?),
            "state" => self.state = Some(self.file(line)?),
            "tun" => self.tun = Some(line.next("the device's name")?.text.into()),
            "require" => self.require(line)?,
            "window" => self.window = window(line.next("the window's size")?)?,
            "neighbour" => self.neighbour(line)?,
            "ping" => self.ping(line)?,
            "tunnel" => self.tunnel(line)?,
            "tunnels" => self.policy.tunnels = tunnel_use(line.next("what tunnels are for")?)?,
            "semi-permeable" => self.semi_permeable(line)?,
            // no-x2u, anonymous and bitmap-option are there or not.
            _ => {}
        }
        line.end()
    }

    fn interface(&mut self, line: &mut Line<'_>) -> Result<(), At> {
        let word = line.next("the interface's name")?;
        if self.interfaces.iter().any(|name| name == word.text) {
            return word.wrong("this interface is named above");
        }
        self.interfaces.push(word.text.into());
        Ok(())
    }

    fn read_code_points(&mut self, line: &mut Line<'_>) -> Result<(), At> {
        let word = line.next("a list of NAME=VALUE")?;
        let v2 = CodePointsV2::xcast_jp_deployment();
        match code_points::parse(word.text, self.code_points, v2) {
            Ok((code_points, _)) => self.code_points = code_points,
            Err(what) => return word.wrong(what),
        }
        Ok(())
    }

    fn file(&self, line: &mut Line<'_>) -> Result<PathBuf, At> {
        Ok(self.beside.join(line.next("the name of a file")?.text))
    }

    fn member(&mut self, line: &mut Line<'_>) -> Result<(), At> {
        let column = line.name.column;
        let mut member = Member::new(line.address("an address")?);
        line.named(|name, word| {
            match name {
                "port" => member.port = Some(value(word, PORT)?),
                "dscp" => match word.text.parse().ok().and_then(Dscp::new) {
                    Some(dscp) => member.dscp = Some(dscp),
                    None => return word.wrong("expected a DSCP, 0 to 63"),
                },
                _ => return Ok(false),
            }
            Ok(true)
        })?;
        self.members.push((line.number, column, member));
        Ok(())
    }

    fn require(&mut self, line: &mut Line<'_>) -> Result<(), At> {
        let what = line.next("the protection")?;
        let required = if what.text == "nothing" { None } else { Some(protection(what)?) };
        let mut from = Addresses::Any;
        line.named(|name, word| {
            if name == "from" {
                let (address, len) = prefix(word)?;
                from = Addresses::prefix(address, len).unwrap_or(Addresses::one(address));
            }
            Ok(name == "from")
        })?;
        self.requirements.push(Requirement { from, required });
        Ok(())
    }

    fn neighbour(&mut self, line: &mut Line<'_>) -> Result<(), At> {
        let first = line.next("an address")?;
        let address: IpAddr = value(first, "an address")?;
        if self.neighbours.iter().any(|neighbour| neighbour.address == address) {
            return first.wrong("this neighbour is named above");
        }
        let how = line.next("capable or ask")?;
        let mut ask_from = None;
        match how.text {
            "capable" => {}
            "ask" => {
                line.named(|name, word| {
                    if name == "from" {
                        let own: IpAddr = value(word, "an address")?;
                        if own.is_ipv4() != address.is_ipv4() {
                            return word.wrong("of the other family than the neighbour");
                        }
                        ask_from = Some(own);
                    }
                    Ok(name == "from")
                })?;
                if ask_from.is_none() {
                    return how.wrong("ask needs from=, an own address");
                }
            }
            _ => return how.wrong("expected capable or ask"),
        }
        self.neighbours.push(NeighbourConfig { address, ask_from });
        Ok(())
    }

    fn ping(&mut self, line: &mut Line<'_>) -> Result<(), At> {
        let column = line.name.column;
        let mut config = PingConfig::new(port(line, "the source port")?, port(line, "the destination port")?);
        line.named(|name, word| {
            if name == "retry" {
                config.retry = Duration::from_millis(value(word, "a number of milliseconds")?);
            }
            Ok(name == "retry")
        })?;
        config.check().map_err(|error| (column, error.to_string()))?;
        self.ping = Some(config);
        Ok(())
    }

    fn tunnel(&mut self, line: &mut Line<'_>) -> Result<(), At> {
        let word = line.next("a prefix")?;
        let (address, len) = prefix(word)?;
        let prefix = Prefix::new(address, len).or_else(|error| word.wrong(error.to_string()))?;
        let local = line.address("the address of this end")?;
        let far = line.next("the address of the far end")?;
        let remote = value(far, "an address")?;
        match Tunnel::new(local, remote) {
            Some(tunnel) => self.tunnels.push((prefix, tunnel)),
            None => return far.wrong("of the other family than this end"),
        }
        Ok(())
    }

    fn semi_permeable(&mut self, line: &mut Line<'_>) -> Result<(), At> {
        let word = line.next("ignore, pass-on or initiate")?;
        self.policy.semi_permeable = match word.text {
            "ignore" => SemiPermeable::Ignore,
            "pass-on" => SemiPermeable::PassOn,
            "initiate" => {
                let (mut source, mut limit) = (None, HOP_LIMIT);
                line.named(|name, word| {
                    match name {
                        "source" => source = Some(value::<Ipv6Addr>(word, "an IPv6 address")?),
                        "hop-limit" => limit = hop_limit(word)?,
                        _ => return Ok(false),
                    }
                    Ok(true)
                })?;
                let Some(source) = source else { return word.wrong("initiate needs source=, an own IPv6 address") };
                SemiPermeable::Initiate { source, hop_limit: limit }
            }
            _ => return word.wrong("expected ignore, pass-on or initiate"),
        };
        Ok(())
    }
}

const PORT: &str = "a port, 1 to 65535";

fn port(line: &mut Line<'_>, wanted: &str) -> Result<u16, At> {
    let word = line.next(wanted)?;
    match value(word, PORT)? {
        0 => word.wrong(format!("expected {PORT}")),
        port => Ok(port),
    }
}

fn hop_limit(word: Word<'_>) -> Result<u8, At> {
    const WANTED: &str = "a hop limit, 1 to 255";
    match value(word, WANTED)? {
        0 => word.wrong(format!("expected {WANTED}")),
        limit => Ok(limit),
    }
}

fn window(word: Word<'_>) -> Result<u32, At> {
    match word.text.parse() {
        Ok(size) if (32..=128).contains(&size) => Ok(size),
        _ => word.wrong("expected a size, 32 to 128"),
    }
}

fn protection(word: Word<'_>) -> Result<Required, At> {
    match word.text {
        "ah" => Ok(Required::Ah(ModeKind::Transport)),
        "esp" => Ok(Required::Esp(ModeKind::Transport)),
        "ah+esp" => Ok(Required::AhAroundEsp { esp: ModeKind::Transport }),
        _ => word.wrong("the protection is ah, esp or ah+esp"),
    }
}

fn tunnel_use(word: Word<'_>) -> Result<TunnelUse, At> {
    match word.text {
        "last-resort" => Ok(TunnelUse::LastResort),
        "routes" => Ok(TunnelUse::Routes),
        _ => word.wrong("tunnels are last-resort or routes"),
    }
}
