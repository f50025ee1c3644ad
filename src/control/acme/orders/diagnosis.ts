import { DnsHookError } from '../challenges/dns-hook.ts'
import type { Reachability } from '../challenges/reachability.ts'
import type { AuthoritySettings } from '../protocol/authority-settings.ts'
import { Problem, Unreachable } from '../protocol/problem.ts'
import { ChallengeFailed } from './order.ts'

/** Says in words why there is no certificate, and what to do about it. */
export async function diagnosis(
  error: unknown,
  host: string,
  { name, directory }: AuthoritySettings,
  reachability: Reachability,
): Promise<string> {
  if (error instanceof ChallengeFailed) return ofChallenge(error, host, name, reachability)
  if (error instanceof Problem) return ofProblem(error, host, name)
  if (error instanceof Unreachable) return `${name} (${directory}) does not work at present: ${error.message}`
  if (error instanceof DnsHookError) return error.message
  return (error as Error).message
}

function ofProblem({ type, message, retryAfter }: Problem, host: string, name: string): string {
  switch (type) {
    case 'rateLimited': {
      const until =
        retryAfter === undefined ? 'it does not say until when' : `until ${inWords(Date.now() + retryAfter)}`
      return `a rate limit of ${name}, ${until}: ${message}`
    }
    case 'caa':
      return `the CAA records of ${host} do not allow ${name}: ${message}; add an issue record for it, or remove the records`
    case 'rejectedIdentifier':
      return `${name} issues no certificate for ${host}: ${message}`
    case 'externalAccountRequired':
      return `${name}: ${message}`
    default:
      return `${name} refuses (${type}): ${message}`
  }
}

async function ofChallenge(
  { type, problem }: ChallengeFailed,
  host: string,
  name: string,
  reachability: Reachability,
): Promise<string> {
  if (problem.type === 'caa' || problem.type === 'rateLimited') return ofProblem(problem, host, name)
  if (problem.type === 'unsupported') return `${name}: ${problem.message}`
  const said = `${name} says (${problem.type}): ${problem.message}`
  if (type === 'dns-01') {
    const record = `_acme-challenge.${host.replace(/^\*\./, '')}`
    return `the TXT record ${record} was not found as set by the command; ${said}; if it comes late, set dns.wait`
  }
  const what = type === 'http-01' ? `http://${host}/ (port 80)` : `${host} (port 443)`
  return `${what} does not lead here: ${await reachability.look(host, type)}; ${said}`
}

/** A time as in the log's own lines: UTC, to the second. */
export function inWords(time: number): string {
  return `${new Date(time).toISOString().slice(0, 19).replace('T', ' ')} UTC`
}
