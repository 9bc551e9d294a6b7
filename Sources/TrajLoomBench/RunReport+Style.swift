extension RunReport {
  /// One column on a phone, two of charts on what is wider.
  static let style: Markup = """
    :root {
      color-scheme: light dark;
      --ink: #1c2126; --quiet: #5b6570; --rule: #dde1e5; --page: #ffffff; --inset: #f5f6f8;
      --notice: #b06f00; --notice-page: #fff8e8;
    }
    @media (prefers-color-scheme: dark) {
      :root {
        --ink: #e4e7ea; --quiet: #9aa4ae; --rule: #2e353c; --page: #14171a; --inset: #1c2126;
        --notice: #e0a83c; --notice-page: #272115;
      }
    }
    * { box-sizing: border-box; }
    body {
      margin: 0; background: var(--page); color: var(--ink);
      font: 16px/1.55 system-ui, -apple-system, "Segoe UI", Roboto, sans-serif;
      -webkit-text-size-adjust: 100%; overflow-wrap: anywhere;
    }
    main { max-width: 1120px; margin: 0 auto; padding: clamp(24px, 5vw, 64px) clamp(16px, 4vw, 40px); }
    h1, h2, h3, p, figure, dl, dd { margin: 0; }
    h1 { font-size: clamp(1.5rem, 4vw, 2rem); line-height: 1.25; font-weight: 650; }
    h2 {
      font-size: 0.8rem; font-weight: 600; letter-spacing: 0.08em; text-transform: uppercase;
      color: var(--quiet); border-top: 1px solid var(--rule); padding-top: 14px; margin-bottom: 24px;
    }
    h3 { font-size: 1.05rem; line-height: 1.35; font-weight: 600; margin-bottom: 12px; }
    section { margin-top: 56px; }
    .status { color: var(--quiet); margin-top: 6px; font-variant-numeric: tabular-nums; }
    .notice {
      margin-top: 16px; padding: 10px 16px; border-left: 3px solid var(--notice);
      background: var(--notice-page);
    }
    .grid { display: grid; grid-template-columns: minmax(0, 1fr); gap: 44px 40px; }
    figcaption { margin-top: 10px; color: var(--quiet); font-size: 0.9rem; }
    img { display: block; max-width: 100%; height: auto; border-radius: 4px; }
    .charts .chart { max-width: 560px; }
    .missing {
      padding: 40px 16px; text-align: center; color: var(--quiet); background: var(--inset);
      border-radius: 4px;
    }
    dl > div {
      display: flex; justify-content: space-between; gap: 4px 24px; padding: 7px 0;
      border-top: 1px solid var(--rule); font-size: 0.95rem;
    }
    dt { color: var(--quiet); flex: none; max-width: 50%; }
    dd { min-width: 0; text-align: right; font-variant-numeric: tabular-nums; }
    summary { cursor: pointer; font-weight: 600; }
    pre {
      margin: 16px 0 0; padding: 16px; overflow-x: auto; background: var(--inset);
      border-radius: 4px; font: 0.85rem/1.5 ui-monospace, Menlo, Consolas, monospace;
    }
    @media (min-width: 760px) {
      .grid { grid-template-columns: repeat(2, minmax(0, 1fr)); }
      .previews > :only-child, .wide { grid-column: 1 / -1; }
    }
    @media (min-width: 1000px) {
      .grid.facts { grid-template-columns: repeat(3, minmax(0, 1fr)); }
    }
    """
}
