import com.amazonaws.client.builder.AwsClientBuilder;
import com.amazonaws.regions.DefaultAwsRegionProviderChain;
import com.amazonaws.services.s3.AmazonS3;
import com.amazonaws.services.s3.AmazonS3ClientBuilder;
import com.amazonaws.services.s3.model.S3ObjectSummary;
import com.amazonaws.services.securitytoken.AWSSecurityTokenServiceClientBuilder;
import com.amazonaws.services.securitytoken.model.GetCallerIdentityRequest;

/** A user's program on the AWS SDK for Java 1: nothing in it is there for vendord. Program whoami | list | put PREFIX COUNT */
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
            case "whoami" -> {
                var sts = at(AWSSecurityTokenServiceClientBuilder.standard()).build();
                System.out.println(sts.getCallerIdentity(new GetCallerIdentityRequest()).getArn());
            }
            case "list" -> s3().listObjectsV2(BUCKET).getObjectSummaries().stream().map(S3ObjectSummary::getKey).forEach(System.out::println);
            case "put" -> {
                AmazonS3 s3 = s3();
                for (int i = 0; i < Integer.parseInt(words[2]); i++) {
                    s3.putObject(BUCKET, words[1] + "/" + i, "x");
                }
            }
            default -> throw new IllegalArgumentException(String.join(" ", words) + ": unknown");
        }
    }

    /** The bucket's name is in the path where it cannot be in the host's. */
    private static AmazonS3 s3() {
        return at(AmazonS3ClientBuilder.standard().withPathStyleAccessEnabled(true)).build();
    }

    /** This SDK does not read AWS_ENDPOINT_URL itself. */
    private static <B extends AwsClientBuilder<B, ?>> B at(B builder) {
        String url = System.getenv("AWS_ENDPOINT_URL");
        return url == null ? builder
            : builder.withEndpointConfiguration(new AwsClientBuilder.EndpointConfiguration(url, new DefaultAwsRegionProviderChain().getRegion()));
    }
}
