// A tab that had the token, which the page keeps for it, comes back in after a reload.
const token = sessionStorage.getItem("token");
if (token) {
  sessionStorage.removeItem("token"); // a token that is no longer valid is tried once
  location.replace("/?token=" + encodeURIComponent(token) + location.hash);
}
