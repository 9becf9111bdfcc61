typedef int gw_session_placeholder;
