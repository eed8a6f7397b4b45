import software.amazon.awssdk.core.sync.RequestBody;
import software.amazon.awssdk.services.s3.S3Client;
import software.amazon.awssdk.services.s3.model.S3Object;
import software.amazon.awssdk.services.sts.StsClient;

/** A user's program on the AWS SDK for Java 2: nothing in it is there for vendord. Program whoami | list | put PREFIX COUNT */
public final class Program {
    private static final String BUCKET = "company1-hr";

    public static void main(String[] words) {
        try {
            run(words);
        } catch (RuntimeException e) {
            System.err.println(e.getMessage());
            System.exit(1);
        }
    }

    private static void run(String[] words) {
        switch (words.length == 0 ? "" : words[0]) {
            case "whoami" -> System.out.println(StsClient.create().getCallerIdentity().arn());
            case "list" -> s3().listObjectsV2(b -> b.bucket(BUCKET)).contents().stream().map(S3Object::key).forEach(System.out::println);
            case "put" -> {
                S3Client s3 = s3();
                for (int i = 0; i < Integer.parseInt(words[2]); i++) {
                    String key = words[1] + "/" + i;
                    s3.putObject(b -> b.bucket(BUCKET).key(key), RequestBody.fromString("x"));
                }
            }
            default -> throw new IllegalArgumentException(String.join(" ", words) + ": unknown");
        }
    }

    /** The bucket's name is in the path where it cannot be in the host's: a setting that only code has. */
    private static S3Client s3() {
        return S3Client.builder().forcePathStyle(true).build();
    }
}
