import { failureCodes } from '../../runtime/failure-code.ts'
import { reasons } from '../../runtime/reason.ts'
import {
  BUCKETS,
  COPY_OUTCOMES,
  PROTOCOLS,
  ROUTE_CELLS,
  SERVER_CELLS,
  ServerCell,
  STATUS_CLASSES,
  type TallyRegions,
  UPSTREAM_CELLS,
  UpstreamCell,
  WORKER_CELLS,
  WorkerCell,
} from '../../runtime/tallies/layout.ts'

/**
 * The names of cells in which something is counted, by their places: with them, counts go to another version of the program, which
 * may have other places. Cells that hold a measurement have none.
 */
type CellNames = readonly (string | undefined)[]

const outcomes = PROTOCOLS.flatMap((protocol) => STATUS_CLASSES.map((status) => `requests ${protocol} ${status}`))

export const cellNames: Readonly<Record<keyof TallyRegions, CellNames>> = {
  worker: placed(WORKER_CELLS, {
    [WorkerCell.Connections]: ['connections'],
    [WorkerCell.HandshakesFull]: ['handshakes full', 'handshakes resumed', 'handshakes failed'],
    [WorkerCell.AppliesOk]: ['applies ok', 'applies refused'],
    [WorkerCell.WorkersRestarted]: [
      'workers restarted',
      'dropped lines',
      'processor seconds',
      'exported spans',
      'dropped spans',
      'discovery applies',
    ],
  }),
  servers: placed(SERVER_CELLS, {
    [ServerCell.Outcomes]: outcomes,
    [ServerCell.Attempts]: STATUS_CLASSES.map((status) => `attempts ${status}`),
    [ServerCell.AnswerSeconds]: ['answer seconds', 'answers'],
    [ServerCell.Ejections]: ['ejections'],
  }),
  upstreams: placed(UPSTREAM_CELLS, {
    [UpstreamCell.Outcomes]: outcomes,
    [UpstreamCell.Reasons]: reasons.map((reason) => `reason ${reason}`),
    [UpstreamCell.Failures]: failureCodes.map((code) => `failure ${code}`),
    [UpstreamCell.Retries]: ['retries', 'received', 'sent', 'known', 'stuck'],
    [UpstreamCell.Copies]: COPY_OUTCOMES.map((outcome) => `copies ${outcome}`),
    [UpstreamCell.Durations]: histogram('duration'),
    [UpstreamCell.Connects]: histogram('connect'),
    [UpstreamCell.FirstBytes]: histogram('first byte'),
    [UpstreamCell.QueueWaits]: histogram('queue'),
  }),
  routes: placed(ROUTE_CELLS, { 0: STATUS_CLASSES.map((status) => `requests ${status}`) }),
}

function histogram(what: string): string[] {
  return [...BUCKETS.map((limit) => `${what} up to ${limit} s`), `${what} above`, `${what} seconds`]
}

function placed(size: number, runs: Readonly<Record<number, readonly string[]>>): CellNames {
  const names = new Array<string | undefined>(size).fill(undefined)
  for (const [at, run] of Object.entries(runs))
    for (const [index, name] of run.entries()) names[Number(at) + index] = name
  return names
}
