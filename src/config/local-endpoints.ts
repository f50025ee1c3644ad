import { realpathSync } from 'node:fs'
import { hostname, networkInterfaces } from 'node:os'
import { basename, dirname, join } from 'node:path'
import { HostsFile } from '../runtime/hosts-file.ts'
import { parseIpAddress } from '../runtime/ip-address.ts'
import type { Endpoint } from '../runtime/snapshot.ts'

/**
 * Decides whether a connection would reach an endpoint on which this machine listens. Knows the machine's own addresses,
 * localhost, the machine's own name and /etc/hosts. A name that only DNS knows is assumed to be another machine's.
 */
export class LocalEndpoints {
  readonly #addresses = new Set(
    Object.values(networkInterfaces()).flatMap((all = []) => all.map(({ address }) => canonical(address) ?? '')),
  )
  readonly #hosts = new HostsFile()
  readonly #hostname = hostname().toLowerCase()

  /** Whether a connection to `target` would reach a socket that listens on `listening`. */
  isReachedBy(target: Endpoint, listening: Endpoint): boolean {
    if ('path' in target || 'path' in listening)
      return 'path' in target && 'path' in listening && real(target.path) === real(listening.path)
    if (target.port !== listening.port) return false
    return target.host === listening.host || this.#isHostReached(target.host, listening.host)
  }

  #isHostReached(host: string, listening: string): boolean {
    const listenAddresses = this.#addressesOf(listening)
    const onIPv6 = listenAddresses.includes('::')
    const onIPv4 = onIPv6 || listenAddresses.includes('0.0.0.0')
    const targets = this.#addressesOf(host).map(destinationOf)
    // Only the resolver knows which of the machine's addresses its name has.
    if (targets.length === 0) return onIPv4 && host === this.#hostname
    return targets.some(
      (target) => listenAddresses.includes(target) || ((target.includes(':') ? onIPv6 : onIPv4) && this.#isOwn(target)),
    )
  }

  #addressesOf(host: string): readonly string[] {
    const address = canonical(host)
    if (address !== undefined) return [address]
    if (host === 'localhost' || host.endsWith('.localhost')) return ['127.0.0.1', '::1']
    return this.#hosts.addressesOf(host)
  }

  #isOwn(address: string): boolean {
    return address.startsWith('127.') || address === '::1' || this.#addresses.has(address)
  }
}

/** The path without symbolic links (/var/run is one). If the file does not exist yet, resolves its directory. */
function real(path: string): string {
  try {
    return realpathSync(path)
  } catch {
    const parent = dirname(path)
    return parent === path ? path : join(real(parent), basename(path))
  }
}

/** The address that a connection goes to: one to the unspecified address goes to this machine. */
function destinationOf(address: string): string {
  if (address === '0.0.0.0') return '127.0.0.1'
  return address === '::' ? '::1' : address
}

/** An IP address in its canonical form, an IPv4-mapped one as IPv4. */
function canonical(text: string): string | undefined {
  return parseIpAddress(text)?.text
}
