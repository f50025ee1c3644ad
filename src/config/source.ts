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
