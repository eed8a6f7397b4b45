# A user's program on the AWS SDK for Ruby: nothing in it is there for vendord.
#
# ruby program.rb whoami | list | put PREFIX COUNT

require "aws-sdk-core"
require "aws-sdk-s3"

BUCKET = "company1-hr"

# Releases before the middle of 2023 do not read AWS_ENDPOINT_URL themselves.
endpoint = ENV["AWS_ENDPOINT_URL"] ? { endpoint: ENV["AWS_ENDPOINT_URL"] } : {}
# The bucket's name is in the path where it cannot be in the host's: a setting that only code has.
s3 = -> { Aws::S3::Client.new(force_path_style: true, **endpoint) }

begin
  case ARGV
  in ["whoami"]
    puts Aws::STS::Client.new(**endpoint).get_caller_identity.arn
  in ["list"]
    s3.call.list_objects_v2(bucket: BUCKET).contents.each { |object| puts object.key }
  in ["put", prefix, count]
    client = s3.call
    Integer(count).times { |i| client.put_object(bucket: BUCKET, key: "#{prefix}/#{i}", body: "x") }
  end
rescue Aws::Errors::ServiceError, Aws::Errors::MissingCredentialsError => e
  abort "#{e.class}: #{e.message}"
end
