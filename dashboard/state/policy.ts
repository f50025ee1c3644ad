import type { Upstream } from '../../src/admin/answers.ts'

/** How an upstream chooses servers, in a few words; an affinity by the same key as the policy is said once. */
export function policyText({ balance, affinity }: Pick<Upstream, 'balance' | 'affinity'>): string {
  return [...new Set([balance, affinity ?? balance])].join(' · ')
}
