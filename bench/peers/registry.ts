import type { Peer } from '../peer.ts'
import { caddy } from './caddy.ts'
import { haproxy } from './haproxy.ts'
import { limpet, limpetBuilt } from './limpet.ts'
import { nginx, nginxByHand, nginxOfTheLab } from './nginx.ts'
import { nodeHttp } from './node-http.ts'

/** All peers, in the order of measurement and of the report. */
export const peers = [limpet, limpetBuilt, nginx, nginxByHand, haproxy, nginxOfTheLab, caddy, nodeHttp] satisfies Peer[]

/** The name of the peer with which all others are compared. */
export const REFERENCE = nginx.name

export function peerNamed(name: string): Peer {
  return peers.find((peer) => peer.name === name)!
}
