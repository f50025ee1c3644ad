import type { ComponentType } from 'preact'
import type { IconName } from '../components/icon.tsx'
import { ConfigPage } from '../pages/config/page.tsx'
import { FlowPage } from '../pages/flow/page.tsx'
import { OverviewPage } from '../pages/overview/page.tsx'
import { RequestsPage } from '../pages/requests/page.tsx'
import { SessionsPage } from '../pages/sessions/page.tsx'
import { UpstreamPage } from '../pages/upstream/page.tsx'
import type { PageName } from '../state/place.ts'

interface PageEntry {
  readonly name: PageName
  readonly title: string
  readonly icon: IconName
  /** The key that leads there, after g. */
  readonly key: string
  readonly Page: ComponentType
}

export const pages: readonly PageEntry[] = [
  { name: 'overview', title: 'Overview', icon: 'overview', key: 'o', Page: OverviewPage },
  { name: 'upstreams', title: 'Upstreams', icon: 'upstreams', key: 'u', Page: UpstreamPage },
  { name: 'flow', title: 'Flow', icon: 'flow', key: 'f', Page: FlowPage },
  { name: 'requests', title: 'Requests', icon: 'requests', key: 'r', Page: RequestsPage },
  { name: 'sessions', title: 'Sessions', icon: 'sessions', key: 's', Page: SessionsPage },
  { name: 'config', title: 'Config', icon: 'config', key: 'c', Page: ConfigPage },
]
