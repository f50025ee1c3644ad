import type { Case } from '../case.ts'
import { limpetBuilt } from '../peers/limpet.ts'
import { peers } from '../peers/registry.ts'
import { wrk } from '../wrk.ts'
import { IN_TURN, labSite } from './lab.ts'

const all = peers.map(({ name }) => name).filter((name) => name !== limpetBuilt.name)

export const small: Case = {
  name: 'small',
  title: 'Small answers, 64 connections kept alive',
  peers: all,
  metrics: ['requests', 'cpu', 'p50', 'p99', 'memory', 'busy'],
  variants: [{ name: '', site: labSite, load: wrk({ paths: [IN_TURN] }) }],
}

export const connections: Case = {
  name: 'connections',
  title: 'A new connection for each request',
  peers: all,
  metrics: ['requests', 'cpu', 'p50', 'p99', 'memory', 'busy'],
  variants: [{ name: '', site: labSite, load: wrk({ paths: [IN_TURN], headers: { Connection: 'close' } }) }],
}
