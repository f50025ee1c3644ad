import { readFileSync, realpathSync } from 'node:fs'
import { hostname, networkInterfaces } from 'node:os'
import { basename, dirname, join } from 'node:path'
import { parseIpAddress } from '../runtime/ip-address.ts'
import type { Endpoint } from '../runtime/snapshot.ts'

/**
 * Tells whether a connection would come back to where this machine listens. It knows the machine's own addresses, localhost,
 * the machine's own name and what /etc/hosts says; a name that only DNS knows is taken for another machine's.
 */
export class OwnPlaces {
  readonly #addresses = new Set(
    Object.values(networkInterfaces()).flatMap((all = []) => all.map(({ address }) => uniform(address) ?? '')),
  )
  readonly #names: ReadonlyMap<string, readonly string[]> = namesIn(hostsFile())
  readonly #hostname = hostname().toLowerCase()

  /** Whether a connection to `target` comes to whoever listens at `listening`. */
  lead(target: Endpoint, listening: Endpoint): boolean {
    if ('path' in target || 'path' in listening)
      return 'path' in target && 'path' in listening && real(target.path) === real(listening.path)
    if (target.port !== listening.port) return false
    return target.host === listening.host || this.#isHeard(target.host, listening.host)
  }

  #isHeard(host: string, listening: string): boolean {
    const heard = this.#addressesOf(listening)
    const everywhere = heard.includes('::')
    const onIPv4 = everywhere || heard.includes('0.0.0.0')
    const targets = this.#addressesOf(host).map(reached)
    // Which of its addresses the machine's name stands for, only the resolver knows.
    if (targets.length === 0) return onIPv4 && host === this.#hostname
    return targets.some(
      (target) => heard.includes(target) || ((target.includes(':') ? everywhere : onIPv4) && this.#isOwn(target)),
    )
  }

  #addressesOf(host: string): readonly string[] {
    const address = uniform(host)
    if (address !== undefined) return [address]
    if (host === 'localhost' || host.endsWith('.localhost')) return ['127.0.0.1', '::1']
    return this.#names.get(host) ?? []
  }

  #isOwn(address: string): boolean {
    return address.startsWith('127.') || address === '::1' || this.#addresses.has(address)
  }
}

/** The path without symbolic links: /var/run is one. Where nothing is there yet, that of its directory. */
function real(path: string): string {
  try {
    return realpathSync(path)
  } catch {
    const parent = dirname(path)
    return parent === path ? path : join(real(parent), basename(path))
  }
}

/** Where a connection to an address goes: one to the unspecified address goes to this machine. */
function reached(address: string): string {
  if (address === '0.0.0.0') return '127.0.0.1'
  return address === '::' ? '::1' : address
}

/** An IP address in its one form, an IPv4-mapped one as IPv4. */
function uniform(text: string): string | undefined {
  return parseIpAddress(text)?.text
}

/** The addresses of each name of a hosts file. */
function namesIn(file: string): Map<string, string[]> {
  const names = new Map<string, string[]>()
  for (const line of file.split('\n')) {
    const [address = '', ...aliases] = line.replace(/#.*/, '').trim().toLowerCase().split(/\s+/)
    const known = uniform(address)
    if (known === undefined) continue
    for (const name of aliases) names.set(name, [...(names.get(name) ?? []), known])
  }
  return names
}

function hostsFile(): string {
  try {
    return readFileSync('/etc/hosts', 'utf8')
  } catch {
    return ''
  }
}
