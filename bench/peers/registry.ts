import type { Peer } from '../peer.ts'
import { caddy } from './caddy.ts'
import { haproxy } from './haproxy.ts'
import { limpet, limpetBuilt } from './limpet.ts'
import { nginx, nginxByHand, nginxOfTheLab } from './nginx.ts'
import { nodeHttp } from './node-http.ts'

/** In the order in which they take their turns, and stand in the report. */
export const peers = [limpet, limpetBuilt, nginx, nginxByHand, haproxy, nginxOfTheLab, caddy, nodeHttp] satisfies Peer[]

/** The name of the peer that all others are compared with. */
export const REFERENCE = nginx.name

export function peerNamed(name: string): Peer {
  return peers.find((peer) => peer.name === name)!
}
