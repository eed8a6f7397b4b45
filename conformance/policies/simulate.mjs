// Asks @cloud-copilot/iam-simulate: a case a line of JSON on standard input, a
// line for each on standard output, in order: what it decides, or why it
// refuses to.
import { createInterface } from 'node:readline'
import { runSimulation } from '@cloud-copilot/iam-simulate'

const named = (policies) => (policies ?? []).map((policy, i) => ({ name: `p${i}`, policy }))

async function decide({ session, identity, action, resource, context }) {
  const result = await runSimulation(
    {
      request: {
        principal: 'arn:aws:sts::123456789012:assumed-role/Role/session',
        action,
        resource: { resource, accountId: '123456789012' },
        contextVariables: context ?? {},
      },
      sessionPolicy: session,
      identityPolicies: named(identity),
      serviceControlPolicies: [],
      resourceControlPolicies: [],
    },
    {},
  )
  if (result.resultType === 'error') return { error: JSON.stringify(result.errors) }
  const ignored = result.result?.ignoredContextKeys ?? []
  if (ignored.length > 0) return { error: `ignores ${ignored}` }
  return { decision: result.overallResult }
}

for await (const line of createInterface({ input: process.stdin })) {
  let answer
  try {
    answer = await decide(JSON.parse(line))
  } catch (error) {
    answer = { error: String(error) }
  }
  process.stdout.write(JSON.stringify(answer) + '\n')
}
