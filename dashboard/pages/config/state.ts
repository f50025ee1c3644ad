import { effect } from '@preact/signals'
import { getText } from '../../state/api.ts'
import { status } from '../../state/live.ts'
import { Resource, resourceAt } from '../../state/resource.ts'

/** The effective configuration, as YAML. */
export const configText = new Resource(() => getText('/v1/config', 'application/yaml'))
export const applies = resourceAt('/v1/applies')

/** Asks for both whenever the revision is another one, until the function that it returns is called. */
export function followRevision(): () => void {
  return effect(() => {
    status.data.value?.revision
    void configText.refresh()
    void applies.refresh()
  })
}
