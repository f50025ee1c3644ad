import { createHash } from 'node:crypto'
import { isIP } from 'node:net'
import type { Log } from '../../../observability/log.ts'
import type { ChallengeType } from '../protocol/authority-settings.ts'
import { challengeCertificate } from '../protocol/certificate-request.ts'
import type { Challenges } from './challenges.ts'
import type { DnsHook } from './dns-hook.ts'

/** Answers the challenges of an authority: on the workers, or by the command for DNS records. */
export class Solver {
  readonly #challenges: Challenges
  readonly #dns: DnsHook | undefined
  readonly #log: Log

  constructor(challenges: Challenges, dns: DnsHook | undefined, log: Log) {
    this.#challenges = challenges
    this.#dns = dns
    this.#log = log
  }

  /**
   * Sees to it that the challenge is answered, wherever the authority looks.
   *
   * @param proof the key authorization (RFC 8555 §8.1)
   * @returns ends that
   * @throws DnsHookError
   */
  async answer(
    type: ChallengeType,
    host: string,
    token: string,
    proof: string,
    signal: AbortSignal,
  ): Promise<() => Promise<void> | void> {
    switch (type) {
      case 'http-01':
        return this.#challenges.add({ type: 'http', token, body: proof })
      case 'tls-alpn-01': {
        const name = serverNameOf(host)
        const pair = await challengeCertificate(host, proof)
        const certificate = { name: `${name} (challenge)`, hosts: [name], ...pair, keyType: 'ecdsa' as const }
        return this.#challenges.add({ type: 'tls', name, certificate })
      }
      case 'dns-01': {
        const value = createHash('sha256').update(proof).digest('base64url')
        const remove = await this.#dns!.set(`_acme-challenge.${host.replace(/^\*\./, '')}`, value, signal)
        return async () => {
          await remove().catch(({ message: cause }) =>
            this.#log.warn(`acme: ${cause}`, { event: 'acme-record-left', host, cause }),
          )
        }
      }
    }
  }
}

/** The server name that the authority asks for: of an address, its name in the reverse DNS (RFC 8738 §6). */
export function serverNameOf(host: string): string {
  switch (isIP(host)) {
    case 4:
      return `${host.split('.').toReversed().join('.')}.in-addr.arpa`
    case 6:
      return `${[...allDigits(host)].toReversed().join('.')}.ip6.arpa`
    default:
      return host
  }
}

/** The 32 hexadecimal digits of an IPv6 address in the form of RFC 5952. */
function allDigits(address: string): string {
  const [before = '', after] = address.split('::')
  const groups = (part: string) => (part === '' ? [] : part.split(':'))
  const [head, tail] = [groups(before), groups(after ?? '')]
  const zeros = after === undefined ? [] : Array<string>(8 - head.length - tail.length).fill('0')
  return [...head, ...zeros, ...tail].map((group) => group.padStart(4, '0')).join('')
}
