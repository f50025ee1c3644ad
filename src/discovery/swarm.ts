import type { SwarmLabels, SwarmSource } from '../config/sources/swarm.ts'
import { engineName } from './docker/engine.ts'
import { landscapeOf, serverListOf } from './docker/landscape.ts'
import { ownContainer } from './docker/own-container.ts'
import { eachDifferent } from './each-different.ts'
import type { Landscape, Provider } from './provider.ts'
import { TaskAddresses } from './swarm/task-addresses.ts'
import { type TaskSighting, watchTasks } from './swarm/watch-tasks.ts'

/** The tasks that are servers of one upstream. */
export function swarmProvider(source: SwarmSource, upstream: string): Provider {
  return {
    name: nameOf(source),
    watch: (signal) =>
      eachDifferent(watchTasks(source, signal), (sighting) =>
        serverListOf(sighting.tasks, addressesOf(sighting, source), source, upstream),
      ),
  }
}

/** All that the labels of services describe. */
export function swarmLandscape(labels: SwarmLabels): Provider<Landscape> {
  return {
    name: nameOf(labels),
    watch: (signal) =>
      eachDifferent(watchTasks(labels, signal), (sighting) =>
        landscapeOf(sighting.tasks, addressesOf(sighting, labels), labels),
      ),
  }
}

function nameOf(settings: SwarmSource | SwarmLabels): string {
  return engineName(settings).replace(/^docker/, 'swarm')
}

function addressesOf({ tasks }: TaskSighting, { network }: SwarmSource | SwarmLabels): TaskAddresses {
  return new TaskAddresses(tasks, ownContainer() !== undefined, network)
}
