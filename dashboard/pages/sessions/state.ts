import { computed } from '@preact/signals'
import type { SessionNumbers, Upstream } from '../../../src/admin/answers.ts'
import type { RecentReasons } from '../../../src/admin/traffic.ts'
import { get } from '../../state/api.ts'
import { upstreams } from '../../state/live.ts'
import { place } from '../../state/place.ts'
import { Resource, resourceAt } from '../../state/resource.ts'

/** How often the numbers are asked for, in ms. */
const REFRESH = 2000

export type UpstreamSessions = SessionNumbers['upstreams'][number]
export type UpstreamReasons = RecentReasons['upstreams'][number]['reasons']

export const sessions = resourceAt('/v1/sessions')

/** The upstream that is shown: the one in the address of the page, or else the one with the most sessions. */
export const chosen = computed<UpstreamSessions | undefined>(() => {
  const all = sessions.data.value?.upstreams ?? []
  const wanted = place.value.query.get('upstream')
  return all.find(({ name }) => name === wanted) ?? all.toSorted((one, other) => other.live - one.live)[0]
})

const chosenName = computed(() => chosen.value?.name)

/** Its servers with their states, and what there is to warn of. */
export const chosenUpstream = computed<Upstream | undefined>(() =>
  upstreams.data.value?.upstreams.find(({ name }) => name === chosenName.value),
)

const recentReasons = new Resource(async () => {
  const name = chosenName.peek()
  return name === undefined ? undefined : get('/v1/reasons', `?upstream=${encodeURIComponent(name)}`)
})

/** Why its requests went where they went in the last minutes; undefined until that is known. */
export const reasons = computed<UpstreamReasons | undefined>(
  () => recentReasons.data.value?.upstreams.find(({ name }) => name === chosenName.value)?.reasons,
)

/** The steps of the reasons, in ms. */
export const reasonStep = computed(() => recentReasons.data.value?.step ?? 0)

/** Asks again and again until the function that it returns is called. */
export function followSessions(): () => void {
  const refresh = () => {
    if (document.hidden) return
    void sessions.refresh()
    void recentReasons.refresh()
  }
  refresh()
  const stopWatching = chosenName.subscribe(() => void recentReasons.refresh())
  const timer = setInterval(refresh, REFRESH)
  return () => {
    stopWatching()
    clearInterval(timer)
  }
}
