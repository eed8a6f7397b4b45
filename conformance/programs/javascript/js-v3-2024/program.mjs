// A user's program on the AWS SDK for JavaScript v3: nothing in it is there for
// vendord. The chain of providers is the clients' own.
//
// node program.mjs whoami | chain | list | put PREFIX COUNT
import { ListObjectsV2Command, PutObjectCommand, S3Client } from "@aws-sdk/client-s3";
import { GetCallerIdentityCommand, STSClient } from "@aws-sdk/client-sts";
import { fromNodeProviderChain } from "@aws-sdk/credential-providers";

const Bucket = "company1-hr";
const [what, prefix, count] = process.argv.slice(2);
switch (what) {
  case "whoami": {
    const who = await new STSClient().send(new GetCallerIdentityCommand());
    console.log(who.Arn);
    break;
  }
  case "chain": { // the same chain, asked for by its name, as programs with several clients do
    const credentials = fromNodeProviderChain();
    const who = await new STSClient({ credentials }).send(new GetCallerIdentityCommand());
    console.log(who.Arn);
    break;
  }
  case "list": {
    const listed = await new S3Client().send(new ListObjectsV2Command({ Bucket }));
    for (const thing of listed.Contents ?? []) console.log(thing.Key);
    break;
  }
  case "put": {
    const s3 = new S3Client();
    for (let i = 0; i < Number(count); i++) {
      await s3.send(new PutObjectCommand({ Bucket, Key: `${prefix}/${i}`, Body: "x" }));
    }
    break;
  }
  default:
    throw new Error(`${what}: unknown`);
}
