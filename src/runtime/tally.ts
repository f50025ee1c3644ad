import { type TallyRegions, tallyRegionsOf } from './tallies/layout.ts'

/**
 * What one worker counts: its own memory, which only it writes, and plainly. The control plane reads it at any time, and may find
 * a request counted in one cell and not yet in another.
 */
export class Tally implements TallyRegions {
  readonly worker: Float64Array
  readonly servers: Float64Array
  readonly upstreams: Float64Array
  readonly routes: Float64Array

  /** @param memory that of the worker's slot: a worker goes on where the one that died before it has stopped */
  constructor(memory: SharedArrayBuffer) {
    const { worker, servers, upstreams, routes } = tallyRegionsOf(memory)
    this.worker = worker
    this.servers = servers
    this.upstreams = upstreams
    this.routes = routes
  }
}
