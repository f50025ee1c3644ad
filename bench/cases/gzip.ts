import type { Case } from '../case.ts'
import { type OriginPlaces, TEXT_LENGTH, TEXT_PATH } from '../origin.ts'
import type { Site } from '../peer.ts'
import { wrk } from '../wrk.ts'
import { labSite } from './lab.ts'

/** nginx's default level. */
const LEVEL = 1

/** What compressing costs, with the same coding and level in each proxy. */
export const gzip: Case = {
  name: 'gzip',
  title: `Answers of 64 kB of JSON, compressed with gzip at level ${LEVEL}, 64 connections`,
  peers: ['limpet', 'nginx-by-hand'],
  metrics: ['cpu', 'requests', 'p50', 'p99', 'memory', 'busy'],
  variants: [
    {
      name: '',
      site: compressing,
      load: wrk({ paths: [TEXT_PATH], answerLength: TEXT_LENGTH, coding: 'gzip' }),
    },
  ],
}

function compressing(origin: OriginPlaces): Site {
  const site = labSite(origin)
  const filters = [{ compress: { codings: ['gzip'], level: LEVEL } }]
  return { ...site, gzipLevel: LEVEL, routes: site.routes.map((route) => ({ ...route, filters })) }
}
