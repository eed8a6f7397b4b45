// A user's program on the AWS SDK for JavaScript v3: nothing in it is there for
// vendord. The chain of providers is the clients' own.
//
// node program.mjs whoami | chain | put PREFIX COUNT
import { PutObjectCommand, S3Client } from "@aws-sdk/client-s3";
import { GetCallerIdentityCommand, STSClient } from "@aws-sdk/client-sts";
import { fromNodeProviderChain } from "@aws-sdk/credential-providers";

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
  case "put": {
    const s3 = new S3Client();
    for (let i = 0; i < Number(count); i++) {
      await s3.send(new PutObjectCommand({ Bucket: "company1-hr", Key: `${prefix}/${i}`, Body: "x" }));
    }
    break;
  }
  default:
    throw new Error(`${what}: unknown`);
}
