import type { Certificate } from './certificate.ts'
import type { Launch } from './program.ts'

/** The configuration of a case, in a form that can be converted for every peer. */
export interface Site {
  readonly workers: number
  /** Whether clients come by TLS, with HTTP/2 or HTTP/1.1. */
  readonly tls?: boolean
  /** Whether the answers to clients that accept it are compressed with gzip, and how hard; Limpet does it by its filters. */
  readonly gzipLevel?: number
  /** The proxies whose forwarding headers are trusted, in cases whose peers support it. */
  readonly trustedProxies?: readonly string[]
  readonly routes: readonly Route[]
  readonly upstreams: readonly Upstream[]
}

export interface Route {
  /** `*.example.org`, in cases whose peers support it. Default: any host. */
  readonly host?: string
  /** `/exactly/this`, or `/this/*` for all paths below `/this/`. */
  readonly path: string
  /** The name of an upstream. */
  readonly upstream: string
  /** Filters as Limpet's configuration has them, in cases whose peers support them. Default: none. */
  readonly filters?: readonly object[]
}

export interface Upstream {
  readonly name: string
  readonly balance: 'round-robin' | 'ip-hash'
  /** By a cookie that the proxy issues, in variants for the peers that support it. */
  readonly affinity?: 'cookie'
  /** HTTP/2 without TLS, in cases whose peers support it. Default: HTTP/1.1. */
  readonly protocol?: 'h2c'
  /** host:port */
  readonly servers: readonly string[]
}

/** A site, with the port and files of its proxy in one measurement. */
export interface Setup extends Site {
  /** The port on 127.0.0.1. */
  readonly port: number
  /** A folder for the proxy's files; empty at the start. */
  readonly folder: string
  /** The access log, with a line for each request. */
  readonly accessLog: string
  /** For 127.0.0.1; used if the site has TLS. */
  readonly certificate: Certificate
  /** The folder of the Limpet to be measured. */
  readonly limpet: string
  /** The folder for a CPU profile; undefined for none. */
  readonly profile?: string | undefined
}

/**
 * A proxy to be measured. All do the same work: they keep connections alive on both sides, add X-Forwarded-For, -Proto, -Host
 * and X-Request-Id, and write an access log to a file. The title or a flag names an exception.
 */
export interface Peer {
  readonly name: string
  /** Its name in the lists of peers that variants have; left out if that is `name`. */
  readonly listedAs?: string
  readonly title: string
  /** Whether it adds the forwarding headers. */
  readonly forwards: boolean
  /** The time under load until it reaches its full speed, in s. */
  readonly warmUp: number
  /** Whether it can write a CPU profile. */
  readonly profiles?: boolean
  /** Undefined if it is not installed. */
  version(): Promise<string | undefined>
  /** Writes its configuration to the setup's folder. */
  prepare(setup: Setup): Promise<Launch>
}

/** In s. A native program only has to fill its caches and open its connections. */
export const NATIVE_WARM_UP = 1
/** In s. V8 continues to optimise code for some hundred thousand requests. */
export const V8_WARM_UP = 6

/** The minimum number of idle connections that a proxy keeps to each server. */
export const IDLE_CONNECTIONS = 64
