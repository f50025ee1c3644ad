import { closeSync, readFileSync, readlinkSync } from 'node:fs'
import type { Warn } from '../../../observability/log.ts'
import { parseIpAddress } from '../../../runtime/ip-address.ts'
import type { Listener } from '../../../runtime/snapshot.ts'
import type { InheritedSocket } from '../../upgrade/inheritance.ts'

/** The first descriptor that systemd gives a service (sd_listen_fds(3)). */
const FIRST = 3

/** Where a socket listens, as the kernel shows it. */
type Place = { readonly octets: Uint8Array; readonly port: number } | { readonly path: string }

/**
 * The sockets that systemd has opened for this service, for the listeners that they belong to; none without socket activation.
 * Another socket is closed.
 *
 * @param env its variables are used up, so that programs which this one starts do not take the sockets for theirs
 */
export function activatedSockets(
  listeners: readonly Listener[],
  env: NodeJS.ProcessEnv,
  warn: Warn,
): readonly InheritedSocket[] {
  const { LISTEN_PID, LISTEN_FDS } = env
  if (LISTEN_PID !== String(process.pid)) return []
  for (const name of ['LISTEN_PID', 'LISTEN_FDS', 'LISTEN_FDNAMES']) delete env[name]
  const places = listeningPlaces()
  return Array.from({ length: Number(LISTEN_FDS) }, (_, index) => FIRST + index).flatMap((descriptor) => {
    const place = places.get(inodeOf(descriptor))
    const listener = place && listenerAt(place, listeners)
    if (listener !== undefined) return { listener, descriptor, isActivated: true as const }
    closeSync(descriptor)
    const where = place === undefined ? 'that does not listen' : `at ${textOf(place)}`
    warn(`systemd has passed a socket ${where}, for which there is no listener; it is closed`, {
      event: 'socket-unused',
      place: place === undefined ? undefined : textOf(place),
    })
    return []
  })
}

function listenerAt(place: Place, listeners: readonly Listener[]): Listener | undefined {
  if ('path' in place) return listeners.find((listener) => 'path' in listener && listener.path === place.path)
  const isOf = (octets: Uint8Array) => (listener: Listener) =>
    'port' in listener &&
    listener.port === place.port &&
    Buffer.compare(parseIpAddress(listener.address)?.octets ?? new Uint8Array(), octets) === 0
  // systemd's `ListenStream=80` is [::]:80, which takes IPv4, too.
  const everyIPv4 = place.octets.length === 16 && place.octets.every((octet) => octet === 0) && new Uint8Array(4)
  return listeners.find(isOf(place.octets)) ?? (everyIPv4 ? listeners.find(isOf(everyIPv4)) : undefined)
}

function textOf(place: Place): string {
  return 'path' in place ? place.path : `port ${place.port}`
}

function inodeOf(descriptor: number): string {
  return /^socket:\[(\d+)\]$/.exec(readlinkSync(`/proc/self/fd/${descriptor}`))?.[1] ?? ''
}

/** By the inodes of the sockets. */
function listeningPlaces(): ReadonlyMap<string, Place> {
  const places = new Map<string, Place>()
  for (const table of ['tcp', 'tcp6']) {
    for (const [, local = '', , state, , , , , , inode = ''] of rowsOf(table)) {
      const [address = '', port = ''] = local.split(':')
      if (state === '0A') places.set(inode, { octets: octetsOf(address), port: Number.parseInt(port, 16) })
    }
  }
  for (const [, , , , , , inode = '', path = ''] of rowsOf('unix')) if (path !== '') places.set(inode, { path })
  return places
}

function rowsOf(table: string): string[][] {
  const lines = readFileSync(`/proc/net/${table}`, 'latin1').trim().split('\n').slice(1)
  return lines.map((line) => line.trim().split(/\s+/))
}

/** The kernel writes each 32 bits as a number of the machine's byte order. */
function octetsOf(hexadecimal: string): Uint8Array {
  const words = hexadecimal.match(/.{8}/g) ?? []
  return new Uint8Array(Uint32Array.from(words, (word) => Number.parseInt(word, 16)).buffer)
}
