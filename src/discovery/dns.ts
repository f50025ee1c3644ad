import { setTimeout as pause } from 'node:timers/promises'
import type { DnsSource } from '../config/sources/dns.ts'
import { MAX_SERVERS } from '../runtime/bounds.ts'
import { HostsFile } from '../runtime/hosts-file.ts'
import { AddressLookup } from './dns/address-lookup.ts'
import { compareAddresses } from './dns/address-order.ts'
import { holdFor } from './dns/hold.ts'
import type { Family, Found } from './dns/known-here.ts'
import { Resolver } from './dns/resolver.ts'
import { resolverSettings } from './dns/resolver-settings.ts'
import { ServiceLookup } from './dns/services.ts'
import { eachDifferent } from './each-different.ts'
import { isSameList } from './list-changes.ts'
import type { FoundServer, Provider, ServerList } from './provider.ts'

/** A list, and for how long it holds, in ms. */
interface Held {
  readonly list: ServerList
  readonly hold: number
}

type Look = (signal: AbortSignal) => Promise<Held>

const PORT = 80

/** The servers that a name in the DNS stands for, looked up again whenever its records expire. */
export function dnsProvider(source: DnsSource, hosts = new HostsFile()): Provider {
  const look = source.type === 'srv' ? lookAtServices(source, hosts) : lookAtAddresses(source, hosts)
  return { name: `dns ${source.name}`, watch: (signal) => eachDifferent(lists(look, signal), isSameList, signal) }
}

async function* lists(look: Look, signal: AbortSignal): AsyncGenerator<ServerList, void> {
  while (!signal.aborted) {
    const { list, hold } = await look(signal)
    yield list
    await pause(hold, undefined, { signal })
  }
}

function lookAtAddresses(source: DnsSource, hosts: HostsFile): Look {
  const { name, port = PORT, resolver, ttl } = source
  let known: Found | undefined
  return async (signal) => {
    // The file may have changed.
    const lookup = new AddressLookup(new Resolver(await resolverSettings(resolver)), hosts)
    const found = await lookup.find(name, signal, familiesOf(source), known)
    known = found
    const addresses = Object.values(found.addresses).flat().toSorted(compareAddresses)
    const servers = addresses.map((address) => {
      const place = address.includes(':') ? `[${address}]:${port}` : `${address}:${port}`
      return { id: place, name: place, address: place }
    })
    return { list: listOf(name, servers), hold: holdFor(found, ttl) }
  }
}

function lookAtServices(source: DnsSource, hosts: HostsFile): Look {
  const { name, resolver, ttl } = source
  let known: ServiceLookup['known'] | undefined
  return async (signal) => {
    const asked = new Resolver(await resolverSettings(resolver))
    const lookup = new ServiceLookup(asked, new AddressLookup(asked, hosts), known)
    const found = await lookup.find(name, signal, familiesOf(source))
    known = lookup.known
    return { list: listOf(name, found.servers, found.mistakes), hold: holdFor(found, ttl) }
  }
}

function familiesOf({ family }: DnsSource): readonly Family[] | undefined {
  return family && [family]
}

function listOf(name: string, servers: readonly FoundServer[], mistakes: ServerList['mistakes'] = []): ServerList {
  const isTooLong = servers.length > MAX_SERVERS
  const message = `${servers.length} servers, of which the first ${MAX_SERVERS} are used`
  return {
    servers: servers.slice(0, MAX_SERVERS),
    mistakes: isTooLong ? [...mistakes, { where: name, message }] : mistakes,
  }
}
