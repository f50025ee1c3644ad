import { Icon } from '../components/icon.tsx'
import { me, status } from '../state/live.ts'
import { askToSignIn, signOut } from '../state/signing-in.ts'
import { type Theme, theme } from '../state/theme.ts'
import { ConnectionState } from './connection.tsx'

export function TopBar({ title }: { readonly title: string }) {
  const now = status.data.value
  return (
    <header class="top-bar">
      <h1>{title}</h1>
      {now !== undefined && (
        <p class="instance" title={`process ${now.pid}`}>
          {now.instance} <span class="faint">· Limpet {now.version}</span>
        </p>
      )}
      <div class="tools">
        <ConnectionState />
        <ThemeSwitch />
        <Person />
      </div>
    </header>
  )
}

const nextTheme: Readonly<Record<Theme, Theme>> = { system: 'light', light: 'dark', dark: 'system' }
const themeIcon = { system: 'system', light: 'sun', dark: 'moon' } as const

function ThemeSwitch() {
  const label = `Colours: ${theme.value === 'system' ? 'as the system' : theme.value}`
  return (
    <button
      type="button"
      class="button quiet icon-only"
      title={label}
      aria-label={label}
      onClick={() => (theme.value = nextTheme[theme.value])}
    >
      <Icon name={themeIcon[theme.value]} />
    </button>
  )
}

function Person() {
  const who = me.data.value
  if (who === undefined) return null
  if (!who.signedIn) {
    return (
      <button type="button" class="button" onClick={askToSignIn}>
        Sign in
      </button>
    )
  }
  return (
    <button type="button" class="button quiet" title={`Signed in as ${who.name}, may ${who.scope}`} onClick={signOut}>
      Sign out
    </button>
  )
}
