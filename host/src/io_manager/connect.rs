//! From the settings of an IO manager to its object store's client. Nothing is asked of the object store yet.

use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

use object_store::aws::AmazonS3Builder;
use object_store::azure::MicrosoftAzureBuilder;
use object_store::gcp::GoogleCloudStorageBuilder;
use object_store::local::LocalFileSystem;
use object_store::memory::InMemory;
use object_store::path::Path;
use object_store::{ObjectStore, ObjectStoreScheme, RetryConfig};
use url::Url;

use super::settings::IoManagerSettings;

/// The client, and the place in the object store that everything is under.
pub(super) fn connect(settings: &IoManagerSettings) -> Result<(Arc<dyn ObjectStore>, Path), String> {
    let url = public_url(&settings.url)?;
    let unknown = || format!("`{url}` is at no object store: write s3://, gs://, az:// or file:///");
    let (scheme, prefix) = ObjectStoreScheme::parse(&url).map_err(|_| unknown())?;
    let client = Client { settings, url: &url };
    let store = match scheme {
        // The log, which is on disk when it is written, must not speak of what is not.
        ObjectStoreScheme::Local => client.without_options(LocalFileSystem::new().with_fsync(true))?,
        ObjectStoreScheme::Memory => client.without_options(InMemory::new())?,
        ObjectStoreScheme::AmazonS3 => {
            let builder = AmazonS3Builder::new().with_url(url.as_str()).with_retry(patience());
            client.built(client.configured(builder, AmazonS3Builder::with_config)?.build())?
        }
        ObjectStoreScheme::GoogleCloudStorage => {
            let builder = GoogleCloudStorageBuilder::new().with_url(url.as_str()).with_retry(patience());
            client.built(client.configured(builder, GoogleCloudStorageBuilder::with_config)?.build())?
        }
        ObjectStoreScheme::MicrosoftAzure => {
            let builder = MicrosoftAzureBuilder::new().with_url(url.as_str()).with_retry(patience());
            client.built(client.configured(builder, MicrosoftAzureBuilder::with_config)?.build())?
        }
        _ => return Err(unknown()),
    };
    Ok((store, prefix))
}

/// The URL, if it may be shown: messages have it.
fn public_url(text: &str) -> Result<Url, String> {
    let url = Url::parse(text).map_err(|error| format!("its `url` is none: {error}"))?;
    if url.password().is_some() || url.query().is_some() || url.fragment().is_some() {
        return Err("its `url` has a password, a query or a fragment: `options` are for that".to_owned());
    }
    Ok(url)
}

/// How long the client tries by itself: a step has retries of its own, and a limit on its time.
fn patience() -> RetryConfig {
    RetryConfig { max_retries: 3, retry_timeout: Duration::from_secs(20), ..RetryConfig::default() }
}

/// A client that is being set up.
struct Client<'s> {
    settings: &'s IoManagerSettings,
    url: &'s Url,
}

impl Client<'_> {
    fn without_options(&self, store: impl ObjectStore) -> Result<Arc<dyn ObjectStore>, String> {
        match self.settings.options.keys().next() {
            None => Ok(Arc::new(store)),
            Some(name) => Err(self.unknown_option(name)),
        }
    }

    fn configured<B, Key: FromStr>(
        &self,
        builder: B,
        with: impl Fn(B, Key, String) -> B,
    ) -> Result<B, String> {
        self.settings.options.iter().try_fold(builder, |builder, (name, value)| {
            let key = name.to_ascii_lowercase().parse().map_err(|_| self.unknown_option(name))?;
            Ok(with(builder, key, value.get().map_err(|problem| format!("option `{name}`: {problem}"))?))
        })
    }

    fn built(&self, store: object_store::Result<impl ObjectStore>) -> Result<Arc<dyn ObjectStore>, String> {
        match store {
            Ok(store) => Ok(Arc::new(store)),
            Err(error) => {
                Err(format!("cannot use `{}`: {}", self.url, self.settings.redacted(error.to_string())))
            }
        }
    }

    fn unknown_option(&self, name: &str) -> String {
        format!("an object store at `{}` has no option `{}`", self.url, name.escape_debug())
    }
}

#[cfg(test)]
mod tests {
    use super::super::settings::OptionValue;
    use super::*;

    #[test]
    fn every_kind_of_object_store_is_set_up_or_says_why_not() {
        let problem = |url: &str, options: &[(&str, &str)]| {
            let options = options
                .iter()
                .map(|(name, value)| ((*name).to_owned(), OptionValue::Text((*value).to_owned())));
            connect(&IoManagerSettings { url: url.to_owned(), options: options.collect() }).err()
        };
        let azure = [("account_name", "a"), ("use_emulator", "true")];
        for (url, options) in [
            ("s3://bucket/runs", &[("Region", "eu-central-1"), ("allow_http", "true")][..]),
            ("gs://bucket", &[("google_skip_signature", "true")]),
            ("az://container/runs", &azure),
            ("file:///data/runs", &[]),
            ("memory:///", &[]),
        ] {
            assert_eq!(problem(url, options), None, "{url}");
        }
        let public = "its `url` has a password, a query or a fragment: `options` are for that";
        for (url, option, wanted) in [
            ("nowhere", None, "its `url` is none: relative URL without a base"),
            ("s3://key:secret@bucket", None, public),
            ("az://container?sig=secret", None, public),
            (
                "ftp://host/x",
                None,
                "`ftp://host/x` is at no object store: write s3://, gs://, az:// or file:///",
            ),
            (
                "https://host/x",
                None,
                "`https://host/x` is at no object store: write s3://, gs://, az:// or file:///",
            ),
            ("file:///x", Some("region"), "an object store at `file:///x` has no option `region`"),
            ("s3://b", Some("regoin"), "an object store at `s3://b` has no option `regoin`"),
        ] {
            let options: Vec<_> = option.map(|name| (name, "value")).into_iter().collect();
            assert_eq!(problem(url, &options).as_deref(), Some(wanted));
        }
        let refused = problem("gs://b", &[("service_account_key", "{\"private_key\": \"secret\"")]).unwrap();
        assert!(!refused.contains("secret"), "{refused}");
    }
}
