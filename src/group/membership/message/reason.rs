//! Why something was refused, as messages say it.

macro_rules! reasons {
    ($(#[$doc:meta])* $name:ident { $($(#[$each:meta])* $variant:ident = $code:literal, $text:literal;)* }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        #[non_exhaustive]
        pub enum $name {
            $($(#[$each])* $variant,)*
            /// A code that this version has no name for; sent as a code that has one, it comes back as that.
            Other(u16),
        }

        impl $name {
            /// The code in messages (project-defined).
            #[must_use]
            pub const fn code(self) -> u16 {
                match self {
                    $(Self::$variant => $code,)*
                    Self::Other(code) => code,
                }
            }

            /// What a code stands for.
            #[must_use]
            pub const fn from_code(code: u16) -> Self {
                match code {
                    $($code => Self::$variant,)*
                    other => Self::Other(other),
                }
            }
        }

        impl core::fmt::Display for $name {
            fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
                match self {
                    $(Self::$variant => f.write_str($text),)*
                    Self::Other(code) => write!(f, "reason {code}"),
                }
            }
        }
    };
}

reasons! {
    /// Why somebody was not let in, or a request was not answered.
    RefuseReason {
        /// No reason is given.
        Unspecified = 0, "no reason given";
        /// Policy does not let it in.
        NotAdmitted = 1, "not admitted";
        /// The group is as large as it may get.
        Full = 2, "group full";
        /// It does not belong to the group, or no longer under the incarnation that the message names.
        NotAMember = 3, "not a member";
        /// Policy does not let it ask.
        NotPermitted = 4, "not permitted";
        /// It was invited and does not want to.
        Declined = 5, "declined";
    }
}

reasons! {
    /// Why a member does not take an association that is imposed on it (draft §4.1.3).
    RejectReason {
        /// No reason is given.
        Unspecified = 0, "no reason given";
        /// It cannot read what it was sent.
        Malformed = 1, "malformed";
        /// It does not have the algorithm.
        UnsupportedAlgorithm = 2, "algorithm not supported";
        /// It has it, but holds it for too weak.
        BelowFloor = 3, "below the floor";
        /// It does not let that key server set its associations.
        NotAuthorised = 4, "key server not authorised";
        /// It has no room for another association.
        NoRoom = 5, "no room";
        /// The SPI is taken by another association of its (draft §3.1.1).
        SpiInUse = 6, "SPI in use";
        /// It does not belong to the group, or no longer under the incarnation that the message names.
        NotAMember = 7, "not a member";
        /// The lifetimes are none it accepts.
        Lifetime = 8, "lifetime not acceptable";
        /// Its crypto provider failed.
        Provider = 9, "crypto provider failed";
    }
}

reasons! {
    /// Why a member was expelled.
    ExpelReason {
        /// No reason is given.
        Unspecified = 0, "no reason given";
        /// The controller's host said so.
        Decision = 1, "decided";
        /// It did not answer.
        Unresponsive = 2, "unresponsive";
        /// It rejected the group's association.
        Rejected = 3, "rejected the association";
    }
}

#[cfg(test)]
mod tests {
    use std::format;

    use super::*;

    #[test]
    fn codes_come_back_and_print() {
        for code in 0..=u16::MAX {
            assert_eq!(RefuseReason::from_code(code).code(), code);
            assert_eq!(RejectReason::from_code(code).code(), code);
            assert_eq!(ExpelReason::from_code(code).code(), code);
        }
        assert_eq!(RejectReason::from_code(3), RejectReason::BelowFloor);
        assert_eq!(format!("{} {}", RefuseReason::Full, ExpelReason::Other(77)), "group full reason 77");
    }
}
