import type { DockerSource } from '../config/sources/docker.ts'
import type { Landscape, Provider } from './provider.ts'

export function dockerProvider(_source: DockerSource): Provider {
  throw new Error('from: docker is not there yet')
}

export function dockerLandscape(_labels: Omit<DockerSource, 'from'>): Provider<Landscape> {
  throw new Error('discovery: docker is not there yet')
}
