import { z } from 'zod'
import { ConsulSource } from './sources/consul.ts'
import { DnsSource } from './sources/dns.ts'
import { DockerSource } from './sources/docker.ts'
import { EtcdSource } from './sources/etcd.ts'
import { FileSource } from './sources/file.ts'
import { HttpSource } from './sources/http.ts'
import { KubernetesSource } from './sources/kubernetes.ts'
import { SwarmSource } from './sources/swarm.ts'

/** An entry of an upstream's `servers` that stands for those which a source finds, now and later. To add a source, add an entry. */
export const Source = z
  .discriminatedUnion('from', [
    DockerSource,
    SwarmSource,
    DnsSource,
    FileSource,
    HttpSource,
    ConsulSource,
    EtcdSource,
    KubernetesSource,
  ])
  .meta({ id: 'Source' })

export type Source = z.output<typeof Source>

/** Sources that know which servers exist: one that they do not name is gone. The others hold lists that somebody has written. */
const AUTHORITATIVE: readonly string[] = ['docker', 'swarm', 'consul', 'kubernetes'] satisfies Source['from'][]

/** @param from the kind of a source */
export function isAuthoritative(from: string): boolean {
  return AUTHORITATIVE.includes(from)
}

/** How long servers of a source are expected back that have gone, by default, in ms: containers and pods are recreated under their name. */
export function returnsWithin({ from, returnWithin }: Pick<Source, 'from' | 'returnWithin'>): number {
  return returnWithin ?? (from === 'docker' || from === 'swarm' || from === 'kubernetes' ? 30_000 : 0)
}

/** What an entry says for all servers that it finds, as the file has it. */
export function serverDefaults(source: Source): Readonly<Record<string, unknown>> {
  const { weight, backup, maxFails, failTimeout, maxConnections, slowStart } = z.encode(Source, source)
  const all = { weight, backup, maxFails, failTimeout, maxConnections, slowStart }
  return Object.fromEntries(Object.entries(all).filter(([, value]) => value !== undefined))
}
