package server

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base32"
	"encoding/hex"
	"os"
	"runtime"
	"strings"
	"time"

	"github.com/vendord/vendord/session"
)

// instance is the machine that the metadata service is told to be on. What programs have
// to be told and this machine does not have is made up from the key, so that it stays,
// and says "vendord" or "vend" to whoever looks.
type instance struct {
	key   []byte
	since time.Time
	host  string
}

func newInstance(key []byte, now time.Time) instance {
	host, err := os.Hostname()
	if err != nil || strings.IndexFunc(host, func(r rune) bool { return r <= ' ' || r > '~' }) >= 0 {
		host = "localhost"
	}
	return instance{key: key, since: now, host: host}
}

// madeUp returns bytes for a purpose.
func (i instance) madeUp(purpose string) []byte {
	mac := hmac.New(sha256.New, i.key)
	mac.Write([]byte("vendord metadata instance\x00" + purpose))
	return mac.Sum(nil)
}

// id is the instance's: "vend", in hexadecimal, begins its 17 digits. (Those of EC2 begin
// with 0.)
func (i instance) id() string {
	return ("i-" + hex.EncodeToString([]byte("vend")) + hex.EncodeToString(i.madeUp("id")))[:len("i-")+17]
}

// mac is a network address, of those that anybody may give, that begins with "vend".
func (i instance) mac() string {
	var parts []string
	for _, b := range append([]byte("vend"), i.madeUp("mac")[:2]...) {
		parts = append(parts, hex.EncodeToString([]byte{b}))
	}
	return strings.Join(parts, ":")
}

// view is the instance as a program of one profile sees it.
type view struct {
	instance
	profile, region    string
	partition, account string // of the role, or ""
}

// to is what a program of a profile is shown.
func (i instance) to(profile string, of session.Request) view {
	s := view{instance: i, profile: profile, region: of.Region}
	s.partition, s.account = accountOf(of)
	return s
}

// accountOf returns what a request's role, or that of the session which signs it, belongs
// to: whatever is asked for without a role stays in the account of who asks.
func accountOf(r session.Request) (partition, account string) {
	for err := error(nil); err == nil; r, err = session.ParseRequest(r.Parent) {
		if parts := strings.Split(r.RoleARN, ":"); len(parts) > 5 {
			return parts[1], parts[4]
		}
	}
	return "", ""
}

// facts are what is at the other paths of a version. One that is not known is not there.
var facts = map[string]func(view) (string, bool){
	"dynamic/instance-identity/document":       view.document,
	"meta-data/hostname":                       func(s view) (string, bool) { return s.host, true },
	"meta-data/iam/info":                       view.info,
	"meta-data/instance-id":                    func(s view) (string, bool) { return s.id(), true },
	"meta-data/instance-type":                  func(view) (string, bool) { return instanceType, true },
	"meta-data/local-hostname":                 func(s view) (string, bool) { return s.host, true },
	"meta-data/local-ipv4":                     func(view) (string, bool) { return localIP, true },
	"meta-data/mac":                            func(s view) (string, bool) { return s.mac(), true },
	"meta-data/placement/availability-zone":    func(s view) (string, bool) { return s.zone(), true },
	"meta-data/placement/availability-zone-id": func(s view) (string, bool) { return zoneID(s.region), true },
	"meta-data/placement/region":               func(s view) (string, bool) { return s.region, true },
	"meta-data/services/domain":                func(s view) (string, bool) { return partitionOf(s.region).domain, true },
	"meta-data/services/partition":             func(s view) (string, bool) { return partitionOf(s.region).name, true },
}

const (
	instanceType = "vendord.local"
	localIP      = "127.0.0.1" // at which whoever asks finds this machine
)

// zone is the first of the region: botocore takes off its last letter, and has the region.
func (s view) zone() string { return s.region + "a" }

// document is what region and account are read from by the SDKs for Go, Java and .NET
// (EC2 User Guide, instance identity documents). Its signatures are not there.
func (s view) document() (string, bool) {
	type null = *struct{}
	architecture := map[string]string{"amd64": "x86_64", "386": "i386"}[runtime.GOARCH]
	if architecture == "" {
		architecture = runtime.GOARCH
	}
	var account *string
	if s.account != "" {
		account = &s.account
	}
	return string(compact(struct {
		AccountID               *string `json:"accountId"`
		Architecture            string  `json:"architecture"`
		AvailabilityZone        string  `json:"availabilityZone"`
		BillingProducts         null    `json:"billingProducts"`
		DevpayProductCodes      null    `json:"devpayProductCodes"`
		MarketplaceProductCodes null    `json:"marketplaceProductCodes"`
		ImageID                 null    `json:"imageId"`
		InstanceID              string  `json:"instanceId"`
		InstanceType            string  `json:"instanceType"`
		KernelID                null    `json:"kernelId"`
		PendingTime             string  `json:"pendingTime"`
		PrivateIP               string  `json:"privateIp"`
		RamdiskID               null    `json:"ramdiskId"`
		Region                  string  `json:"region"`
		Version                 string  `json:"version"`
	}{AccountID: account, Architecture: architecture, AvailabilityZone: s.zone(), InstanceID: s.id(), InstanceType: instanceType,
		PendingTime: s.since.UTC().Format(expiration), PrivateIP: localIP, Region: s.region, Version: "2017-09-30"})), true
}

// info is where Terraform reads account and partition.
func (s view) info() (string, bool) {
	if s.account == "" {
		return "", false
	}
	return string(compact(struct {
		Code               string
		LastUpdated        string
		InstanceProfileArn string
		InstanceProfileID  string `json:"InstanceProfileId"`
	}{"Success", s.since.UTC().Format(expiration), "arn:" + s.partition + ":iam::" + s.account + ":instance-profile/" + s.profile,
		"AIPAVENDORD" + base32.StdEncoding.EncodeToString(s.madeUp("profile " + s.profile))[:10]})), true
}
