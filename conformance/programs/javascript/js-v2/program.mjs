// A user's program on the AWS SDK for JavaScript v2: nothing in it is there for
// vendord. It is older than AWS_ENDPOINT_URL, so AWS's address is its user's affair.
//
// node program.mjs whoami | list | put PREFIX COUNT
import AWS from "aws-sdk";

const endpoint = process.env.AWS_URL;
const Bucket = "company1-hr";
const s3 = new AWS.S3({ endpoint, s3ForcePathStyle: true });
const [what, prefix, count] = process.argv.slice(2);
switch (what) {
  case "whoami": {
    const who = await new AWS.STS({ endpoint }).getCallerIdentity().promise();
    console.log(who.Arn);
    break;
  }
  case "list": {
    const listed = await s3.listObjectsV2({ Bucket }).promise();
    for (const thing of listed.Contents) console.log(thing.Key);
    break;
  }
  case "put": {
    for (let i = 0; i < Number(count); i++) {
      await s3.putObject({ Bucket, Key: `${prefix}/${i}`, Body: "x" }).promise();
    }
    break;
  }
  default:
    throw new Error(`${what}: unknown`);
}
