//! What somebody may do with a topic, a group or the cluster.
//!
//! Counterpart: org.apache.kafka.common.acl.AclOperation.

/// One thing that may be allowed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[expect(missing_docs, reason = "Kafka's own names")]
pub enum AclOperation {
    Read,
    Write,
    Create,
    Delete,
    Alter,
    Describe,
    ClusterAction,
    DescribeConfigs,
    AlterConfigs,
    IdempotentWrite,
    CreateTokens,
    DescribeTokens,
    TwoPhaseCommit,
}

impl AclOperation {
    /// By number on the wire, from 3 on.
    const ALL: [Self; 13] = [
        Self::Read,
        Self::Write,
        Self::Create,
        Self::Delete,
        Self::Alter,
        Self::Describe,
        Self::ClusterAction,
        Self::DescribeConfigs,
        Self::AlterConfigs,
        Self::IdempotentWrite,
        Self::CreateTokens,
        Self::DescribeTokens,
        Self::TwoPhaseCommit,
    ];

    /// From an answer's bits; `None` if it has none because nobody asked.
    pub(super) fn from_bits(bits: i32) -> Option<Vec<Self>> {
        if bits == i32::MIN {
            return None;
        }
        let known = (3..).zip(Self::ALL);
        Some(known.filter(|(bit, _)| bits & (1 << bit) != 0).map(|(_, operation)| operation).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bits_are_read_by_kafkas_numbers() {
        assert_eq!(AclOperation::from_bits(i32::MIN), None);
        assert_eq!(AclOperation::from_bits(0), Some(Vec::new()));
        // What a broker without ACLs says of a topic.
        let all = AclOperation::from_bits(3576).unwrap();
        assert_eq!(all.first(), Some(&AclOperation::Read));
        assert!(all.contains(&AclOperation::AlterConfigs) && !all.contains(&AclOperation::ClusterAction));
    }
}
