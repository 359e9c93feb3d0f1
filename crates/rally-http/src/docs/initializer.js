// A credential that was pasted is kept in the tab, over reloads, and nowhere else.
const KEPT = "rally-authorized";

const keepInTab = () => ({
  statePlugins: {
    auth: {
      wrapActions: {
        persistAuthorizationIfNeeded: (original, system) => () => {
          const authorized = system.authSelectors.authorized().toJS();
          sessionStorage.setItem(KEPT, JSON.stringify(authorized));
        },
      },
    },
  },
});

window.addEventListener("load", () => {
  window.ui = SwaggerUIBundle({
    // The page is at `/docs`, so the document is beside it, under whatever path a host has put both.
    url: "openapi.json",
    dom_id: "#swagger-ui",
    deepLinking: true,
    tryItOutEnabled: true,
    persistAuthorization: false,
    // Without a validator no document is sent to one on the internet.
    validatorUrl: "none",
    presets: [SwaggerUIBundle.presets.apis],
    plugins: [SwaggerUIBundle.plugins.DownloadUrl, keepInTab],
    layout: "BaseLayout",
    onComplete: () => {
      const kept = sessionStorage.getItem(KEPT);
      if (kept) {
        window.ui.authActions.restoreAuthorization({ authorized: JSON.parse(kept) });
      }
    },
  });
});
