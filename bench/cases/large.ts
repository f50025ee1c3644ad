import type { Case } from '../case.ts'
import { answers, UPLOAD_PATH } from '../origin.ts'
import { wrk } from '../wrk.ts'
import { labSite, likes } from './lab.ts'

const metrics = ['throughput', 'cpu', 'p50', 'p99', 'memory', 'busy'] as const

export const download64kB: Case = {
  name: '64kB',
  title: 'Answers of 64 kB, 64 connections',
  peers: likes,
  metrics,
  variants: [{ name: '', site: labSite, load: wrk({ paths: ['/64kB'], answerLength: answers['/64kB'] }) }],
}

export const download10MB: Case = {
  name: '10MB',
  title: 'Answers of 10 MB, 8 connections',
  peers: likes,
  metrics,
  variants: [
    { name: '', site: labSite, load: wrk({ paths: ['/10MB'], connections: 8, answerLength: answers['/10MB'] }) },
  ],
}

export const upload: Case = {
  name: 'upload',
  title: 'Uploads of 1 MB, 16 connections',
  peers: likes,
  metrics,
  variants: [
    {
      name: '',
      site: labSite,
      load: wrk({ paths: [UPLOAD_PATH], connections: 16, method: 'POST', bodyLength: 1_000_000 }),
    },
  ],
}
