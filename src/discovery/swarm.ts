import type { SwarmSource } from '../config/sources/swarm.ts'
import type { Landscape, Provider } from './provider.ts'

export function swarmProvider(_source: SwarmSource): Provider {
  throw new Error('from: swarm is not there yet')
}

export function swarmLandscape(_labels: Omit<SwarmSource, 'from'>): Provider<Landscape> {
  throw new Error('discovery: swarm is not there yet')
}
