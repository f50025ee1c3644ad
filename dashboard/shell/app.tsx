import { useEffect, useRef } from 'preact/hooks'
import { connection } from '../state/live.ts'
import { place } from '../state/place.ts'
import { ConnectionNotice } from './connection.tsx'
import { Navigation } from './navigation.tsx'
import { pages } from './pages.ts'
import { Shortcuts } from './shortcuts.tsx'
import { SignInDialog, SignInPage } from './sign-in.tsx'
import { Toasts } from './toasts.tsx'
import { TopBar } from './top-bar.tsx'

export function App() {
  const { page } = place.value
  const { title, Page } = pages.find(({ name }) => name === page)!
  const main = useRef<HTMLElement>(null)
  const isFirst = useRef(true)
  // Another page begins at its top, and with the focus there.
  useEffect(() => {
    document.title = page === 'overview' ? 'Limpet' : `${title} · Limpet`
    if (!isFirst.current) main.current?.focus({ preventScroll: true })
    isFirst.current = false
    window.scrollTo(0, 0)
  }, [page])
  return (
    <div class={`app ${connection.value.state}`}>
      <button type="button" class="skip" onClick={() => main.current?.focus()}>
        Skip to the page
      </button>
      <Navigation />
      <div class="stage">
        <TopBar title={title} />
        <ConnectionNotice />
        <main id="main" ref={main} tabIndex={-1} aria-label={title}>
          {connection.value.state === 'denied' ? <SignInPage /> : <Page />}
        </main>
      </div>
      <Toasts />
      <SignInDialog />
      <Shortcuts />
    </div>
  )
}
