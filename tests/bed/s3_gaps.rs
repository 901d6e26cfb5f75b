//! Parts of S3 that `s3s-fs` lacks and the service needs: reads pinned to an entity tag, writes
//! rejected in a missing bucket, and the error codes.

use std::path::{Path, PathBuf};

use s3s::access::S3Access;
use s3s::dto::{
    AbortMultipartUploadInput, CompleteMultipartUploadInput, CopySource,
    CreateMultipartUploadInput, ETag, ETagCondition, GetObjectInput, HeadObjectInput,
    PutObjectInput, UploadPartCopyInput, UploadPartInput,
};
use s3s::{S3, S3Request, S3Result, s3_error};
use s3s_fs::FileSystem;

pub struct Gaps {
    root: PathBuf,
    // Only for reading: the serving instance does all writes.
    files: FileSystem,
}

impl Gaps {
    pub fn new(root: &Path) -> Self {
        let files = FileSystem::new(root).expect("the folder exists");
        Self { root: root.to_owned(), files }
    }

    fn require_bucket(&self, bucket: &str) -> S3Result<()> {
        if self.root.join(bucket).is_dir() { Ok(()) } else { Err(s3_error!(NoSuchBucket)) }
    }

    fn require_upload(&self, id: &str) -> S3Result<()> {
        let known = self.root.join(format!(".upload-{id}.json")).is_file();
        if known { Ok(()) } else { Err(s3_error!(NoSuchUpload)) }
    }

    async fn entity_tag<T>(&self, from: &S3Request<T>, bucket: &str, key: &str) -> S3Result<ETag> {
        let input =
            HeadObjectInput { bucket: bucket.into(), key: key.into(), ..Default::default() };
        let head = self.files.head_object(with_input(from, input)).await?;
        head.output.e_tag.ok_or_else(|| s3_error!(InternalError))
    }

    async fn require_match<T>(
        &self,
        from: &S3Request<T>,
        (bucket, key): (&str, &str),
        condition: Option<&ETagCondition>,
    ) -> S3Result<()> {
        let Some(condition) = condition else {
            return Ok(());
        };
        let tag = self.entity_tag(from, bucket, key).await?;
        match condition {
            ETagCondition::ETag(wanted) if !tag.strong_cmp(wanted) => {
                Err(s3_error!(PreconditionFailed))
            }
            _ => Ok(()),
        }
    }
}

fn with_input<T, U>(from: &S3Request<T>, input: U) -> S3Request<U> {
    S3Request {
        input,
        method: from.method.clone(),
        uri: from.uri.clone(),
        headers: from.headers.clone(),
        extensions: from.extensions.clone(),
        credentials: from.credentials.clone(),
        region: from.region.clone(),
        service: from.service.clone(),
        trailing_headers: None,
    }
}

#[async_trait::async_trait]
impl S3Access for Gaps {
    async fn get_object(&self, request: &mut S3Request<GetObjectInput>) -> S3Result<()> {
        let GetObjectInput { bucket, key, if_match, .. } = &request.input;
        self.require_bucket(bucket)?;
        self.require_match(request, (bucket, key), if_match.as_ref()).await
    }

    async fn head_object(&self, request: &mut S3Request<HeadObjectInput>) -> S3Result<()> {
        let HeadObjectInput { bucket, key, if_match, .. } = &request.input;
        self.require_bucket(bucket)?;
        self.require_match(request, (bucket, key), if_match.as_ref()).await
    }

    async fn put_object(&self, request: &mut S3Request<PutObjectInput>) -> S3Result<()> {
        let PutObjectInput { bucket, key, if_match, .. } = &request.input;
        self.require_bucket(bucket)?;
        // For a missing object S3 returns 404 here, but the file system returns 412.
        self.require_match(request, (bucket, key), if_match.as_ref()).await
    }

    async fn create_multipart_upload(
        &self,
        request: &mut S3Request<CreateMultipartUploadInput>,
    ) -> S3Result<()> {
        self.require_bucket(&request.input.bucket)
    }

    async fn upload_part(&self, request: &mut S3Request<UploadPartInput>) -> S3Result<()> {
        self.require_upload(&request.input.upload_id)
    }

    async fn upload_part_copy(&self, request: &mut S3Request<UploadPartCopyInput>) -> S3Result<()> {
        let UploadPartCopyInput { upload_id, copy_source, copy_source_if_match, .. } =
            &request.input;
        self.require_upload(upload_id)?;
        let CopySource::Bucket { bucket, key, .. } = copy_source else {
            return Err(s3_error!(NotImplemented));
        };
        self.require_match(request, (bucket, key), copy_source_if_match.as_ref()).await
    }

    async fn complete_multipart_upload(
        &self,
        request: &mut S3Request<CompleteMultipartUploadInput>,
    ) -> S3Result<()> {
        let CompleteMultipartUploadInput { bucket, key, if_match, upload_id, .. } = &request.input;
        self.require_upload(upload_id)?;
        self.require_match(request, (bucket, key), if_match.as_ref()).await
    }

    async fn abort_multipart_upload(
        &self,
        request: &mut S3Request<AbortMultipartUploadInput>,
    ) -> S3Result<()> {
        self.require_upload(&request.input.upload_id)
    }
}
