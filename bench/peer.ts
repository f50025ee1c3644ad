import type { Launch } from './program.ts'

/** What every proxy is configured to do, in words that each of them understands. */
export interface Site {
  readonly workers: number
  /** Whose word on who a client is counts, where the case has peers that can be told. */
  readonly trustedProxies?: readonly string[]
  readonly routes: readonly Route[]
  readonly upstreams: readonly Upstream[]
}

export interface Route {
  /** `*.example.org`, where the case has peers that can be told. Left out: any. */
  readonly host?: string
  /** `/exactly/this`, or `/this/*` for all below `/this/`. */
  readonly path: string
  /** The name of an upstream. */
  readonly upstream: string
}

export interface Upstream {
  readonly name: string
  readonly balance: 'round-robin' | 'ip-hash'
  /** By a cookie that the proxy issues, where the case has a variant for those that can. */
  readonly affinity?: 'cookie'
  /** host:port */
  readonly servers: readonly string[]
}

/** A site, and where its proxy has its place for one measurement. */
export interface Setup extends Site {
  /** Of 127.0.0.1. */
  readonly port: number
  /** For the proxy's own files; empty at first. */
  readonly folder: string
  /** The file that it writes a line to for each request. */
  readonly accessLog: string
  /** The folder of the Limpet to be measured. */
  readonly limpet: string
  /** The folder to write a CPU profile to, if one is wanted. */
  readonly profile?: string | undefined
}

/**
 * A proxy to be measured. All do the same work: connections kept alive on both sides, X-Forwarded-For, -Proto and -Host
 * and X-Request-Id added, an access log in a file. One that does not says so.
 */
export interface Peer {
  readonly name: string
  readonly title: string
  /** Whether it adds the forwarding headers. */
  readonly forwards: boolean
  /** How long it takes under load until it is as fast as it gets, in s. */
  readonly warmUp: number
  /** Whether it can write a CPU profile. */
  readonly profiles?: boolean
  /** Undefined where it is not installed. */
  version(): Promise<string | undefined>
  /** Writes what it needs into the setup's folder. */
  prepare(setup: Setup): Promise<Launch>
}

/** What is machine code from the start has only its caches to fill, and its connections to open. */
export const NATIVE_WARM_UP = 1
/** Until V8 has compiled what it will, which goes on for some hundred thousand requests. */
export const V8_WARM_UP = 6

/** The number of connections that a proxy keeps to each server, or more. */
export const IDLE_CONNECTIONS = 64
