//go:build policies

// Package policies is for tests alone: what others know of policies is held
// against package policy. Its script, run, installs them.
//
// Agreement: thousands of random policies and requests are put to policy and
// to @cloud-copilot/iam-simulate, an independent simulator that runs as a
// program of its own. Where the two differ, one of the files in verdicts must
// say so, and which page of AWS decides. A verdict is no excuse for a whole
// class of cases: it rewrites the case in the way in which the simulator is
// known to read it, and then the two must agree.
//
// Managed: every AWS-managed policy that moto ships must be accepted.
//
// It does not show that both are right: nobody asks AWS.
package policies
