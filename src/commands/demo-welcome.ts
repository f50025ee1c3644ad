import type { DemoCertificate } from './demo-certificate.ts'
import type { DemoServer, Kind } from './demo-process.ts'

/** What a newcomer needs to know of a demo that runs. */
export interface Demo {
  readonly url: string
  /** Signs a browser in to the dashboard, once. */
  readonly dashboard: URL
  readonly servers: readonly DemoServer[]
  readonly certificate: DemoCertificate | undefined
  readonly hasTraffic: boolean
}

const SERVES: Record<Kind, string> = {
  static: '/                sticky by address',
  dynamic: '/api/student     in turn',
  chat: '/chat/           sticky by a cookie',
}

export function welcome({ url, dashboard, servers, certificate, hasTraffic }: Demo): string {
  const rows = servers.map(({ kind, name, address }) => {
    return `  ${name.padEnd(12)} http://${address.padEnd(18)} ${SERVES[kind]}`
  })
  const { host, origin } = dashboard
  return `
Limpet is running the lab.

${rows.join('\n')}
  limpet       ${url}

Open   ${url}/
See    ${dashboard.href}
       the dashboard. This link signs a browser in, once, within a minute; to look, ${origin}/ is enough.
       Another link: npx limpet dashboard --url ${host}      In a terminal: npx limpet top --url ${host}
Try    curl -i ${certificate === undefined ? '' : `--cacert ${certificate.ca} `}${url}/api/student
${certificate === undefined ? '' : trust(certificate)}Stop   Ctrl-C

${hasTraffic ? TRAFFIC : ACCESS_LOG}`
}

const ACCESS_LOG = `The access log follows: client, request, status, then the server that got it, its status, seconds, and why.
`
const TRAFFIC = `Sixty users visit it, some of them behind one router. The access log is off.
Press drain in the dashboard, or end a server (kill -9), and see where they go.
`

function trust({ ca }: DemoCertificate): string {
  return `Trust  ${ca}
       Chromium and Chrome: Settings, Privacy and security, Security, Manage certificates, import it as an authority.
       Firefox: Settings, Certificates, View Certificates, Authorities, Import.
       Its key is not kept, so it can vouch for nothing else. Remove it there when you are done.
`
}
