//! Gets credentials of a function's role from STS, so that a function has the same permissions here as in AWS.

use std::time::{Duration, SystemTime};

use aws_config::SdkConfig;
use aws_sdk_sts::Client;
use aws_sdk_sts::config::retry::RetryConfig;

use super::text;
use crate::Credentials;

/// Credentials are renewed this long before they expire. This is earlier than a runner replaces processes because of
/// expiring credentials.
const MARGIN: Duration = Duration::from_mins(10);

/// The `RoleSessionName`, a part of the ARN of the assumed role.
const SESSION: &str = "headwater";

/// Assumes roles through STS.
pub(super) struct Role {
    sts: Client,
}

impl Role {
    pub(super) fn new(sdk: &SdkConfig) -> Self {
        let config = aws_sdk_sts::config::Builder::from(sdk).retry_config(RetryConfig::disabled()).build();
        Self { sts: Client::from_conf(config) }
    }

    /// Assumes a role and returns its credentials.
    ///
    /// The error is a text that names the role. STS decides how long the credentials are valid: one hour by default.
    pub(super) async fn assume(&self, role: &str) -> Result<Credentials, String> {
        let session = self.sts.assume_role().role_arn(role).role_session_name(SESSION).send().await;
        let session = session.map_err(|error| format!("cannot assume its role {role}: {}", text(error)))?;
        let credentials = session.credentials.ok_or_else(|| format!("its role {role} has no credentials"))?;
        Ok(Credentials {
            expires: SystemTime::try_from(credentials.expiration).ok(),
            access_key_id: credentials.access_key_id,
            secret_access_key: credentials.secret_access_key,
            session_token: Some(credentials.session_token),
        })
    }

    /// Whether STS still knows the session. An emulator that was restarted has lost it.
    ///
    /// An error means that STS did not answer, so it is unknown whether the session exists.
    pub(super) async fn holds(&self, credentials: Option<&Credentials>) -> Result<bool, String> {
        let Some(credentials) = credentials else { return Ok(false) };
        let provider = aws_credential_types::Credentials::new(
            &credentials.access_key_id,
            &credentials.secret_access_key,
            credentials.session_token.clone(),
            credentials.expires,
            SESSION,
        );
        let config = aws_sdk_sts::config::Builder::new().credentials_provider(provider);
        match self.sts.get_caller_identity().customize().config_override(config).send().await {
            Ok(_) => Ok(true),
            Err(error) if error.as_service_error().is_some() => Ok(false),
            Err(error) => Err(format!("STS does not answer: {}", text(error))),
        }
    }
}

/// Whether the credentials expire within [`MARGIN`].
pub(super) fn ends_soon(credentials: Option<&Credentials>) -> bool {
    let end = credentials.and_then(|credentials| credentials.expires);
    end.is_some_and(|end| end < SystemTime::now() + MARGIN)
}
