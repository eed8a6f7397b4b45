package policy

import (
	"slices"
	"strings"
)

// The names of actions, as the Service Authorization Reference has them, as of
// 2026-10. An action that is not here is only warned about: AWS adds some
// every month, and STS accepts any name.
var (
	// s3ObjectActions apply to objects: arn:aws:s3:::bucket/key.
	s3ObjectActions = strings.Fields(`
	AbortMultipartUpload BypassGovernanceRetention DeleteObject DeleteObjectAnnotation
	DeleteObjectTagging DeleteObjectVersion DeleteObjectVersionAnnotation DeleteObjectVersionTagging
	GetObject GetObjectAcl GetObjectAnnotation GetObjectAttributes GetObjectLegalHold
	GetObjectRetention GetObjectTagging GetObjectTorrent GetObjectVersion GetObjectVersionAcl
	GetObjectVersionAnnotation GetObjectVersionAnnotationForReplication GetObjectVersionAttributes
	GetObjectVersionForReplication GetObjectVersionTagging GetObjectVersionTorrent InitiateReplication
	ListMultipartUploadParts ListObjectAnnotations ListObjectVersionAnnotations
	ObjectOwnerOverrideToBucketOwner PutObject PutObjectAcl PutObjectAnnotation PutObjectLegalHold
	PutObjectRetention PutObjectTagging PutObjectVersionAcl PutObjectVersionAnnotation
	PutObjectVersionTagging ReplicateDelete ReplicateObject ReplicateObjectAnnotation ReplicateTags
	RestoreObject UpdateObjectEncryption`)

	// s3BucketActions apply to buckets: arn:aws:s3:::bucket.
	s3BucketActions = strings.Fields(`
	AllowVendedLogDeliveryForResource CreateBucket CreateBucketMetadataTableConfiguration DeleteBucket
	DeleteBucketMetadataTableConfiguration DeleteBucketPolicy DeleteBucketWebsite
	GetAccelerateConfiguration GetAnalyticsConfiguration GetBucketAbac GetBucketAcl GetBucketCORS
	GetBucketLocation GetBucketLogging GetBucketMetadataTableConfiguration GetBucketNotification
	GetBucketObjectLockConfiguration GetBucketOwnershipControls GetBucketPolicy GetBucketPolicyStatus
	GetBucketPublicAccessBlock GetBucketRequestPayment GetBucketTagging GetBucketVersioning
	GetBucketWebsite GetEncryptionConfiguration GetIntelligentTieringConfiguration
	GetInventoryConfiguration GetLifecycleConfiguration GetMetricsConfiguration
	GetReplicationConfiguration ListBucket ListBucketMultipartUploads ListBucketVersions
	ListTagsForResource PauseReplication PutAccelerateConfiguration PutAnalyticsConfiguration
	PutBucketAbac PutBucketAcl PutBucketCORS PutBucketLogging PutBucketNotification
	PutBucketObjectLockConfiguration PutBucketOwnershipControls PutBucketPolicy
	PutBucketPublicAccessBlock PutBucketRequestPayment PutBucketTagging PutBucketVersioning
	PutBucketWebsite PutEncryptionConfiguration PutIntelligentTieringConfiguration
	PutInventoryConfiguration PutLifecycleConfiguration PutMetricsConfiguration
	PutReplicationConfiguration TagResource UntagResource
	UpdateBucketMetadataAnnotationTableConfiguration UpdateBucketMetadataInventoryTableConfiguration
	UpdateBucketMetadataJournalTableConfiguration`)

	// s3AccountActions apply to no resource, which policies write as "*".
	s3AccountActions = strings.Fields(`
	CreateJob CreateStorageLensGroup GetAccessPoint GetAccountPublicAccessBlock
	ListAccessGrantsInstances ListAccessPoints ListAccessPointsForObjectLambda ListAllMyBuckets
	ListJobs ListMultiRegionAccessPoints ListStorageLensConfigurations ListStorageLensGroups
	PutAccessPointPublicAccessBlock PutAccountPublicAccessBlock PutStorageLensConfiguration`)

	// s3OtherActions apply to access points, jobs, grants and the like.
	s3OtherActions = strings.Fields(`
	AssociateAccessGrantsIdentityCenter CreateAccessGrant CreateAccessGrantsInstance
	CreateAccessGrantsLocation CreateAccessPoint CreateAccessPointForObjectLambda
	CreateMultiRegionAccessPoint DeleteAccessGrant DeleteAccessGrantsInstance
	DeleteAccessGrantsInstanceResourcePolicy DeleteAccessGrantsLocation DeleteAccessPoint
	DeleteAccessPointForObjectLambda DeleteAccessPointPolicy DeleteAccessPointPolicyForObjectLambda
	DeleteJobTagging DeleteMultiRegionAccessPoint DeleteStorageLensConfiguration
	DeleteStorageLensConfigurationTagging DeleteStorageLensGroup DescribeJob
	DescribeMultiRegionAccessPointOperation DissociateAccessGrantsIdentityCenter GetAccessGrant
	GetAccessGrantsInstance GetAccessGrantsInstanceForPrefix GetAccessGrantsInstanceResourcePolicy
	GetAccessGrantsLocation GetAccessPointConfigurationForObjectLambda GetAccessPointForObjectLambda
	GetAccessPointPolicy GetAccessPointPolicyForObjectLambda GetAccessPointPolicyStatus
	GetAccessPointPolicyStatusForObjectLambda GetDataAccess GetJobTagging GetMultiRegionAccessPoint
	GetMultiRegionAccessPointPolicy GetMultiRegionAccessPointPolicyStatus
	GetMultiRegionAccessPointRoutes GetStorageLensConfiguration GetStorageLensConfigurationTagging
	GetStorageLensDashboard GetStorageLensGroup ListAccessGrants ListAccessGrantsLocations
	ListCallerAccessGrants PutAccessGrantsInstanceResourcePolicy
	PutAccessPointConfigurationForObjectLambda PutAccessPointPolicy
	PutAccessPointPolicyForObjectLambda PutJobTagging PutMultiRegionAccessPointPolicy
	PutStorageLensConfigurationTagging SubmitMultiRegionAccessPointRoutes UpdateAccessGrantsLocation
	UpdateJobPriority UpdateJobStatus UpdateStorageLensGroup`)

	// stsActions have GetScopedCredentials, an operation since 2026-11, without
	// proof that its permission has the same name: better no warning than a
	// wrong one.
	stsActions = strings.Fields(`
	AssumeRole AssumeRoleWithSAML AssumeRoleWithWebIdentity AssumeRoot DecodeAuthorizationMessage
	GetAccessKeyInfo GetCallerIdentity GetDelegatedAccessToken GetFederationToken GetScopedCredentials
	GetServiceBearerToken GetSessionToken GetWebIdentityToken SetContext SetSourceIdentity
	TagGetWebIdentityToken TagSession`)

	// iamActions are those of iam.
	iamActions = strings.Fields(`
	AcceptDelegationRequest AddClientIDToOpenIDConnectProvider AddRoleToInstanceProfile AddUserToGroup
	AssociateDelegationRequest AttachGroupPolicy AttachRolePolicy AttachUserPolicy ChangePassword
	CreateAccessKey CreateAccountAlias CreateDelegationRequest CreateGroup CreateInstanceProfile
	CreateLoginProfile CreateOpenIDConnectProvider CreatePolicy CreatePolicyVersion CreateRole
	CreateSAMLProvider CreateServiceLinkedRole CreateServiceSpecificCredential CreateUser
	CreateVirtualMFADevice DeactivateMFADevice DeleteAccessKey DeleteAccountAlias
	DeleteAccountPasswordPolicy DeleteCloudFrontPublicKey DeleteGroup DeleteGroupPolicy
	DeleteInstanceProfile DeleteLoginProfile DeleteOpenIDConnectProvider DeletePolicy
	DeletePolicyVersion DeleteRole DeleteRolePermissionsBoundary DeleteRolePolicy DeleteSAMLProvider
	DeleteSSHPublicKey DeleteServerCertificate DeleteServiceLinkedRole DeleteServiceSpecificCredential
	DeleteSigningCertificate DeleteUser DeleteUserPermissionsBoundary DeleteUserPolicy
	DeleteVirtualMFADevice DetachGroupPolicy DetachRolePolicy DetachUserPolicy
	DisableOrganizationsRootCredentialsManagement DisableOrganizationsRootSessions
	DisableOutboundWebIdentityFederation EnableMFADevice EnableOrganizationsRootCredentialsManagement
	EnableOrganizationsRootSessions EnableOutboundWebIdentityFederation GenerateCredentialReport
	GenerateOrganizationsAccessReport GenerateServiceLastAccessedDetails GetAccessKeyLastUsed
	GetAccountAuthorizationDetails GetAccountEmailAddress GetAccountName GetAccountPasswordPolicy
	GetAccountProperties GetAccountSummary GetCloudFrontPublicKey GetContextKeysForCustomPolicy
	GetContextKeysForPrincipalPolicy GetCredentialReport GetDelegationRequest GetGroup GetGroupPolicy
	GetHumanReadableSummary GetInstanceProfile GetLoginProfile GetMFADevice GetOpenIDConnectProvider
	GetOrganizationsAccessReport GetOutboundWebIdentityFederationInfo GetPolicy GetPolicyVersion
	GetRole GetRolePolicy GetRoleTemplateVersion GetSAMLProvider GetSSHPublicKey GetServerCertificate
	GetServiceLastAccessedDetails GetServiceLastAccessedDetailsWithEntities
	GetServiceLinkedRoleDeletionStatus GetUser GetUserPolicy ListAccessKeys ListAccountAliases
	ListAttachedGroupPolicies ListAttachedRolePolicies ListAttachedUserPolicies
	ListCloudFrontPublicKeys ListDelegationRequests ListEntitiesForPolicy ListGroupPolicies ListGroups
	ListGroupsForUser ListInstanceProfileTags ListInstanceProfiles ListInstanceProfilesForRole
	ListMFADeviceTags ListMFADevices ListOpenIDConnectProviderTags ListOpenIDConnectProviders
	ListOrganizationsFeatures ListPolicies ListPoliciesGrantingServiceAccess ListPolicyTags
	ListPolicyVersions ListRolePolicies ListRoleTags ListRoles ListSAMLProviderTags ListSAMLProviders
	ListSSHPublicKeys ListSTSRegionalEndpointsStatus ListServerCertificateTags ListServerCertificates
	ListServiceSpecificCredentials ListSigningCertificates ListUserPolicies ListUserTags ListUsers
	ListVirtualMFADevices PassRole PutAccountProperties PutGroupPolicy PutRolePermissionsBoundary
	PutRolePolicy PutUserPermissionsBoundary PutUserPolicy RejectDelegationRequest
	RemoveClientIDFromOpenIDConnectProvider RemoveRoleFromInstanceProfile RemoveUserFromGroup
	ResetServiceSpecificCredential ResyncMFADevice SendDelegationToken SetDefaultPolicyVersion
	SetSTSRegionalEndpointStatus SetSecurityTokenServicePreferences SimulateCustomPolicy
	SimulatePrincipalPolicy TagInstanceProfile TagMFADevice TagOpenIDConnectProvider TagPolicy TagRole
	TagSAMLProvider TagServerCertificate TagUser UntagInstanceProfile UntagMFADevice
	UntagOpenIDConnectProvider UntagPolicy UntagRole UntagSAMLProvider UntagServerCertificate
	UntagUser UpdateAccessKey UpdateAccountEmailAddress UpdateAccountName UpdateAccountPasswordPolicy
	UpdateAssumeRolePolicy UpdateCloudFrontPublicKey UpdateGroup UpdateLoginProfile
	UpdateOpenIDConnectProviderThumbprint UpdateRole UpdateRoleDescription UpdateSAMLProvider
	UpdateSSHPublicKey UpdateServerCertificate UpdateServiceSpecificCredential
	UpdateSigningCertificate UpdateUser UploadCloudFrontPublicKey UploadSSHPublicKey
	UploadServerCertificate UploadSigningCertificate`)
)

// otherNames are the operations, and the inventions, whose permission has
// another name, in small letters.
var otherNames = map[string]string{
	"s3:getbucket":                          "s3:ListBucket to list the bucket, s3:GetBucketLocation for its region",
	"s3:headbucket":                         "s3:ListBucket",
	"s3:listobjects":                        "s3:ListBucket, on the bucket",
	"s3:listobjectsv2":                      "s3:ListBucket, on the bucket",
	"s3:listobjectversions":                 "s3:ListBucketVersions, on the bucket",
	"s3:listbuckets":                        "s3:ListAllMyBuckets",
	"s3:listmultipartuploads":               "s3:ListBucketMultipartUploads, on the bucket",
	"s3:listparts":                          "s3:ListMultipartUploadParts",
	"s3:headobject":                         "s3:GetObject",
	"s3:selectobjectcontent":                "s3:GetObject",
	"s3:copyobject":                         "s3:GetObject on the source, s3:PutObject on the target",
	"s3:uploadpartcopy":                     "s3:GetObject on the source, s3:PutObject on the target",
	"s3:createmultipartupload":              "s3:PutObject",
	"s3:uploadpart":                         "s3:PutObject",
	"s3:completemultipartupload":            "s3:PutObject",
	"s3:deleteobjects":                      "s3:DeleteObject",
	"s3:getbucketencryption":                "s3:GetEncryptionConfiguration",
	"s3:putbucketencryption":                "s3:PutEncryptionConfiguration",
	"s3:deletebucketencryption":             "s3:PutEncryptionConfiguration",
	"s3:getbucketlifecycle":                 "s3:GetLifecycleConfiguration",
	"s3:getbucketlifecycleconfiguration":    "s3:GetLifecycleConfiguration",
	"s3:putbucketlifecycle":                 "s3:PutLifecycleConfiguration",
	"s3:putbucketlifecycleconfiguration":    "s3:PutLifecycleConfiguration",
	"s3:deletebucketlifecycle":              "s3:PutLifecycleConfiguration",
	"s3:getbucketreplication":               "s3:GetReplicationConfiguration",
	"s3:putbucketreplication":               "s3:PutReplicationConfiguration",
	"s3:getpublicaccessblock":               "s3:GetBucketPublicAccessBlock",
	"s3:putpublicaccessblock":               "s3:PutBucketPublicAccessBlock",
	"s3:getobjectlockconfiguration":         "s3:GetBucketObjectLockConfiguration",
	"s3:putobjectlockconfiguration":         "s3:PutBucketObjectLockConfiguration",
	"s3:getbucketnotificationconfiguration": "s3:GetBucketNotification",
	"s3:putbucketnotificationconfiguration": "s3:PutBucketNotification",
	"s3:deletebuckettagging":                "s3:PutBucketTagging",
	"s3:deletebucketcors":                   "s3:PutBucketCORS",
}

// s3Actions are all of them.
var s3Actions = slices.Concat(s3ObjectActions, s3BucketActions, s3AccountActions, s3OtherActions)

// actionNames returns the names of a service's actions, or nil for a service
// whose names are not kept here.
func actionNames(service string) []string {
	switch service {
	case "s3":
		return s3Actions
	case "sts":
		return stsActions
	case "iam":
		return iamActions
	default:
		return nil
	}
}

// matchesOneOf reports whether the pattern of an action's name, without the
// service, matches one of some names.
func matchesOneOf(pattern string, names []string) bool {
	plain := strings.IndexAny(pattern, "*?")
	if plain < 0 {
		return slices.ContainsFunc(names, func(name string) bool { return strings.EqualFold(pattern, name) })
	}
	var patternBuffer, nameBuffer [64]rune
	g := compile(patternBuffer[:0], pattern, anywhere).lower()
	return slices.ContainsFunc(names, func(name string) bool {
		return len(name) >= plain && strings.EqualFold(name[:plain], pattern[:plain]) &&
			g.covers(characters(nameBuffer[:0], name).lower())
	})
}
