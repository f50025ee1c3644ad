import type { Case } from '../case.ts'
import { handshakes } from '../handshakes.ts'
import { wrk } from '../wrk.ts'
import { holdIdle, idleCount } from './idle.ts'
import { IN_TURN, secureLab } from './lab.ts'

const { site, peers } = secureLab

export const httpsSmall: Case = {
  name: 'https-small',
  title: 'HTTPS: small answers, 64 connections kept alive',
  peers,
  metrics: ['requests', 'cpu', 'p50', 'p99', 'memory', 'busy'],
  variants: [{ name: '', site, load: wrk({ paths: [IN_TURN], protocol: 'https' }) }],
}

export const httpsNew: Case = {
  name: 'https-new',
  title: 'HTTPS: a new connection for each request',
  peers,
  metrics: ['cpu', 'requests', 'busy', 'memory'],
  variants: [
    { name: 'full handshakes', site, load: handshakes('full') },
    { name: 'resumed sessions', site, load: handshakes('resumed') },
  ],
}

export const httpsIdle: Case = {
  name: 'https-idle',
  title: `HTTPS: ${idleCount.toLocaleString('en')} idle connections`,
  peers,
  metrics: ['connection', 'memory'],
  variants: [{ name: '', site, load: holdIdle('https') }],
  duration: () => 30,
}
