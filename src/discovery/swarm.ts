import type { SwarmLabels, SwarmSource } from '../config/sources/swarm.ts'
import { containerLandscape, containerServers, type ReachedContainers } from './docker/container-providers.ts'
import { engineName } from './docker/engine.ts'
import { watchEngine } from './docker/engine-watch.ts'
import { ownContainer } from './docker/own-container.ts'
import type { Landscape, Provider } from './provider.ts'
import { RunningTasks } from './swarm/running-tasks.ts'
import { TaskAddresses } from './swarm/task-addresses.ts'

/** The tasks that are servers of one upstream. */
export function swarmProvider(source: SwarmSource, upstream: string): Provider {
  return containerServers(nameOf(source), (signal) => reached(source, signal), source, upstream)
}

/** All that the labels of services describe. */
export function swarmLandscape(labels: SwarmLabels): Provider<Landscape> {
  return containerLandscape(nameOf(labels), (signal) => reached(labels, signal), labels)
}

function nameOf(settings: SwarmSource | SwarmLabels): string {
  return engineName(settings).replace(/^docker/, 'swarm')
}

async function* reached(
  settings: SwarmSource | SwarmLabels,
  signal: AbortSignal,
): AsyncGenerator<ReachedContainers, void> {
  const sightings = watchEngine(settings, signal, (watch) => new RunningTasks(watch, settings.poll))
  for await (const { tasks, isUrgent } of sightings) {
    const addresses = new TaskAddresses(tasks, ownContainer() !== undefined, settings.network)
    yield { containers: tasks, addresses, isUrgent }
  }
}
